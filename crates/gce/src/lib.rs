//! A thin typed client for the parts of Google's APIs that clawbake uses: Compute Engine v1, Secret
//! Manager v1 and Cloud Storage JSON v1, and for setting up a project Service Usage v1, Resource
//! Manager v3, Cloud Billing v1 and IAM v1. Written against Google's discovery documents.
//!
//! One method per call, no policy. Every call goes through one transport with one [`RetryPolicy`].
//! Every Compute Engine mutation carries a `requestId`, or a fingerprint if it takes none, so that it
//! is safe to retry. It returns a [`Pending`] operation to wait for.
//!
//! Each resource has a file of its own, which also holds its accessor on [`Client`]; what all of Compute
//! Engine have in common is [`Collection`].
//!
//! ```no_run
//! # async fn example() -> Result<(), gce::Error> {
//! use gce::{Client, Credentials, Endpoints, Image};
//!
//! let client = Client::new(Endpoints::google(), Credentials::application_default()?, "my-project")?;
//! let image = Image { name: Some("golden".into()), source_disk: Some("zones/z/disks/d".into()), ..Image::default() };
//! client.images().insert(&image).await?.wait().await?;
//! let base = client.images_of("debian-cloud").find_in_family("debian-13").await?;
//! let token = client.secrets().access("gateway-token", "latest").await?;
//! # Ok(())
//! # }
//! ```

mod billing;
mod buckets;
mod client;
mod collection;
mod credentials;
mod disks;
mod download;
mod endpoints;
mod error;
mod firewalls;
mod group_managers;
mod guest;
mod iam;
mod images;
mod instances;
mod json;
mod list;
mod long_running;
mod machine_types;
mod mutation;
mod objects;
mod operation;
mod operations;
mod regions;
mod resource_manager;
mod resource_policies;
mod retry;
mod roles;
mod routers;
#[cfg(test)]
mod script;
mod secrets;
mod service_accounts;
mod services;
mod snapshots;
mod sts;
mod templates;
mod transport;
mod upload;

pub use billing::{Billing, ProjectBillingInfo};
pub use buckets::{
    Bucket, BucketEncryption, Buckets, IamConfiguration, Lifecycle, LifecycleRule,
    UniformBucketLevelAccess,
};
pub use client::Client;
pub use collection::{Collection, Named};
pub use credentials::Credentials;
pub use disks::{Disk, Disks};
pub use endpoints::Endpoints;
pub use error::{Error, Kind, Result};
pub use firewalls::{Firewall, FirewallRule, Firewalls};
pub use group_managers::{GroupVersion, InstanceGroupManager};
pub use guest::{GuestAttributes, GuestAttributesEntry, GuestAttributesValue, SerialPortOutput};
pub use iam::{Binding, Policy};
pub use images::{
    CustomerEncryptionKey, DeprecationStatus, GuestOsFeature, Image, Images, RawDisk,
};
pub use instances::{
    AccessConfig, AttachedDisk, Duration, InitializeParams, Instance, Instances, Metadata,
    MetadataItem, NetworkInterface, Scheduling, ServiceAccount, ShieldedInstanceConfig, Tags,
};
pub use machine_types::MachineType;
pub use objects::{Object, Objects};
pub use operation::{Operation, OperationError, OperationErrorItem, Pending};
pub use operations::Operations;
pub use regions::{Quota, Region};
pub use resource_manager::{CloudProject, ResourceManager};
pub use resource_policies::{
    DailySchedule, ResourcePolicies, ResourcePolicy, RetentionPolicy, SnapshotSchedule,
    SnapshotSchedulePolicy,
};
pub use retry::RetryPolicy;
pub use roles::{Role, Roles};
pub use routers::{Router, RouterNat};
pub use secrets::{Automatic, Replication, Secret, SecretBytes, SecretVersion, Secrets};
pub use service_accounts::{IamServiceAccount, ServiceAccounts};
pub use services::{Service, Services};
pub use snapshots::{Snapshot, Snapshots};
pub use templates::{InstanceProperties, InstanceTemplate, InstanceTemplates};
