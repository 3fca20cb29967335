//! A deployment's state disk: its name, and what a blank one is.

use gce::Disk;

use super::owner;
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::vm;

/// Name of a deployment's state disk.
#[must_use]
pub fn state_disk_name(deployment: &Deployment) -> String {
    let mut name = deployment.name.to_string();
    name.truncate(63 - "-state".len());
    format!("{}-state", name.trim_end_matches('-'))
}

/// A blank state disk, which follows the policy at the URL `snapshots`. The guest formats it, once.
pub(crate) fn state_disk(
    deployment: &Deployment,
    cloud: &Cloud,
    snapshots: Option<String>,
    run: &(String, String),
) -> Disk {
    let zone = &cloud.zone;
    Disk {
        name: Some(state_disk_name(deployment)),
        description: Some("state of a gateway; outlives its VMs".into()),
        size_gb: Some(deployment.state.disk_gb.into()),
        r#type: Some(format!("zones/{zone}/diskTypes/pd-balanced")),
        labels: owner::labels(deployment, run),
        resource_policies: snapshots.into_iter().collect(),
        disk_encryption_key: cloud.kms_key.clone().map(vm::encryption_key),
        ..Disk::default()
    }
}
