//! A deployment (`clawbake.yaml`): which recipe runs where, with which state and secrets.

mod load;
mod read;
mod target;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::names::{EnvName, MachineType, ResourceName, SecretName};
use crate::recipe::Recipe;
use crate::release::Version;

pub use target::{Access, Endpoint, Gce, Identity, Target};

/// The default name of a deployment's file.
pub const FILE_NAME: &str = "clawbake.yaml";

/// A validated deployment with its recipe.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The directory of its file: what the recipe's path is relative to, and where the lock is.
    pub dir: PathBuf,
    /// The VM's name, and the prefix of its resources' names.
    pub name: ResourceName,
    /// Which cloud.
    pub target: Target,
    /// What runs.
    pub recipe: Recipe,
    /// The VM.
    pub machine: Machine,
    /// The state disk.
    pub state: State,
    /// How newer releases are found and taken over.
    pub updates: Updates,
    /// Secrets by the variable in the gateway's environment.
    pub secrets: BTreeMap<EnvName, Secret>,
    /// Plain variables.
    pub env: BTreeMap<EnvName, String>,
}

/// The VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Such as `e2-small`.
    pub r#type: MachineType,
    /// In GiB; not smaller than the image.
    pub boot_disk_gb: u32,
}

/// The state disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// In GiB.
    pub disk_gb: u32,
    /// How many snapshots are kept that were taken on the way of changes.
    pub keep_changes: u32,
    /// Scheduled snapshots, if any.
    pub snapshots: Option<Snapshots>,
}

/// A daily snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshots {
    /// Time in UTC, on the hour, as Google's schedules require: `04:00`.
    pub daily: String,
    /// How many days a snapshot is kept.
    pub keep: u32,
}

/// How newer releases are found and taken over. Which version is wanted is in the recipe's release: a
/// channel or pin of the deployment is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updates {
    /// Versions that are never taken.
    pub ignore: Vec<Version>,
    /// How old a release must be, in days.
    pub minimum_age_days: u32,
    /// How long a new release is watched before it counts as good, in minutes.
    pub soak_minutes: u32,
}

impl Default for Updates {
    fn default() -> Self {
        Self {
            ignore: Vec::new(),
            minimum_age_days: 0,
            soak_minutes: 5,
        }
    }
}

/// A secret in Secret Manager: its name, never its value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Secret {
    /// The secret's name.
    #[serde(rename = "secret")]
    pub name: SecretName,
    /// The version's number, or `latest`.
    pub version: String,
}
