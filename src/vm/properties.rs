use std::collections::BTreeMap;

use gce::{
    AccessConfig, AttachedDisk, CustomerEncryptionKey, InitializeParams, Instance,
    InstanceProperties, Metadata, MetadataItem, NetworkInterface, Scheduling, ServiceAccount,
    ShieldedInstanceConfig, Tags,
};

use super::metadata::{Nonce, item};

/// What a VM is made of, whatever it is for.
#[derive(Debug)]
pub(crate) struct Properties<'a> {
    pub description: Option<String>,
    /// Name of the machine type.
    pub machine_type: &'a str,
    /// Labels of the VM and of the disks that are made with it.
    pub labels: BTreeMap<String, String>,
    /// Network tag.
    pub tag: Option<&'a str>,
    pub disks: Vec<Disk>,
    /// Partial URL of the network.
    pub network: &'a str,
    /// Partial URL of the subnetwork, if it is not the network's own in the region.
    pub subnetwork: Option<&'a str>,
    /// Whether the VM has an address of its own.
    pub external_ip: bool,
    /// What it finds in its metadata, besides what every VM of ours does.
    pub metadata: Vec<MetadataItem>,
    /// Email of its service account.
    pub service_account: Option<&'a str>,
    pub scheduling: Scheduling,
}

/// A disk of a VM.
#[derive(Debug)]
pub(crate) enum Disk {
    /// Made of an image; the VM boots from it.
    Boot {
        /// Name, if it is not the VM's.
        name: Option<String>,
        /// Partial URL of the image.
        image: String,
        size_gb: u64,
        /// Its key in Cloud KMS, if it is not Google's own.
        kms_key: Option<String>,
        /// Whether it is deleted with the VM.
        auto_delete: bool,
    },
    /// Blank, and made and deleted with the VM.
    Scratch {
        name: String,
        device: &'static str,
        size_gb: u64,
        /// Its key in Cloud KMS, if it is not Google's own.
        kms_key: Option<String>,
    },
    /// A disk that was there before the VM, and outlives it.
    Existing { name: String, device: &'static str },
}

impl Properties<'_> {
    /// An instance with these properties, which signs its reports with `nonce`.
    pub(crate) fn instance(self, name: String, zone: &str, nonce: &Nonce) -> Instance {
        let template = self.template();
        let machine_type = template.machine_type.unwrap_or_default();
        let mut metadata = template.metadata.unwrap_or_default();
        metadata.items.push(nonce.item());
        Instance {
            name: Some(name),
            description: template.description,
            machine_type: Some(format!("zones/{zone}/machineTypes/{machine_type}")),
            disks: disks_in(zone, template.disks),
            labels: template.labels,
            tags: template.tags,
            network_interfaces: template.network_interfaces,
            metadata: Some(metadata),
            service_accounts: template.service_accounts,
            shielded_instance_config: template.shielded_instance_config,
            scheduling: template.scheduling,
            ..Instance::default()
        }
    }

    /// The properties of a template: types and existing disks by their names, for no zone is known yet,
    /// and no nonce, which is new for every start.
    pub(crate) fn template(self) -> InstanceProperties {
        let disks = self.disks.into_iter();
        let disks = disks.map(|disk| disk.attached(&self.labels)).collect();
        InstanceProperties {
            description: self.description,
            machine_type: Some(self.machine_type.to_owned()),
            disks,
            labels: self.labels,
            tags: self.tag.map(|tag| Tags {
                items: vec![tag.into()],
            }),
            network_interfaces: vec![NetworkInterface {
                network: Some(self.network.to_owned()),
                subnetwork: self.subnetwork.map(str::to_owned),
                access_configs: self.external_ip.then(external_nat).into_iter().collect(),
            }],
            metadata: Some(metadata(self.metadata)),
            service_accounts: self
                .service_account
                .map(service_account)
                .into_iter()
                .collect(),
            shielded_instance_config: Some(ShieldedInstanceConfig {
                enable_secure_boot: Some(true),
                enable_vtpm: Some(true),
                enable_integrity_monitoring: Some(true),
            }),
            scheduling: Some(self.scheduling),
        }
    }
}

/// A template's disks for an instance of a zone, which has URLs where a template has names.
pub(crate) fn disks_in(zone: &str, mut disks: Vec<AttachedDisk>) -> Vec<AttachedDisk> {
    for disk in &mut disks {
        if let Some(name) = &mut disk.source {
            *name = format!("zones/{zone}/disks/{}", last(name));
        }
        if let Some(disk_type) = disk
            .initialize_params
            .as_mut()
            .and_then(|params| params.disk_type.as_mut())
        {
            *disk_type = format!("zones/{zone}/diskTypes/{}", last(disk_type));
        }
    }
    disks
}

impl Disk {
    fn attached(self, labels: &BTreeMap<String, String>) -> AttachedDisk {
        let new = |name: Option<String>, size_gb: u64| InitializeParams {
            disk_name: name,
            disk_size_gb: Some(size_gb),
            disk_type: Some("pd-balanced".into()),
            labels: labels.clone(),
            ..InitializeParams::default()
        };
        match self {
            Self::Boot {
                name,
                image,
                size_gb,
                kms_key,
                auto_delete,
            } => AttachedDisk {
                boot: Some(true),
                auto_delete: Some(auto_delete),
                disk_encryption_key: kms_key.map(encryption_key),
                initialize_params: Some(InitializeParams {
                    source_image: Some(image),
                    ..new(name, size_gb)
                }),
                ..AttachedDisk::default()
            },
            Self::Scratch {
                name,
                device,
                size_gb,
                kms_key,
            } => AttachedDisk {
                auto_delete: Some(true),
                device_name: Some(device.into()),
                disk_encryption_key: kms_key.map(encryption_key),
                initialize_params: Some(new(Some(name), size_gb)),
                ..AttachedDisk::default()
            },
            Self::Existing { name, device } => AttachedDisk {
                auto_delete: Some(false),
                device_name: Some(device.into()),
                source: Some(name),
                mode: Some("READ_WRITE".into()),
                ..AttachedDisk::default()
            },
        }
    }
}

/// The name of a resource, whose URL ends with it. What a template names may have become a URL in the cloud.
pub(crate) fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
}

/// A key in Cloud KMS.
pub(crate) fn encryption_key(kms_key: String) -> CustomerEncryptionKey {
    CustomerEncryptionKey {
        kms_key_name: Some(kms_key),
    }
}

/// Lets the VM report, and the project's SSH keys open none of ours.
fn metadata(mut items: Vec<MetadataItem>) -> Metadata {
    items.extend([
        item("enable-guest-attributes", "TRUE"),
        item("block-project-ssh-keys", "TRUE"),
    ]);
    Metadata {
        items,
        ..Metadata::default()
    }
}

fn external_nat() -> AccessConfig {
    AccessConfig {
        name: Some("External NAT".into()),
        r#type: Some("ONE_TO_ONE_NAT".into()),
        ..AccessConfig::default()
    }
}

/// The account's IAM roles are the limit; scopes are Google's older, coarser one.
fn service_account(email: &str) -> ServiceAccount {
    ServiceAccount {
        email: Some(email.to_owned()),
        scopes: vec!["https://www.googleapis.com/auth/cloud-platform".into()],
    }
}
