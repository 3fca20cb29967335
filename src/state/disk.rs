//! The state disk as the cloud has it.

use anyhow::Result;
use gce::Disk;

use crate::fleet;
use crate::journal::Resource;
use crate::run::Run;

/// The deployment's state disk, if there is one. A disk of that name that is somebody else's is an error.
pub async fn disk(run: &Run) -> Result<Option<Disk>> {
    let name = fleet::state_disk_name(&run.deployment);
    let disk = run.cloud.client.disks(&run.cloud.zone).find(&name).await?;
    if let Some(disk) = &disk {
        fleet::ensure_belongs(&resource(run), &disk.labels, &run.deployment)?;
    }
    Ok(disk)
}

/// The state disk, for a journal.
pub(super) fn resource(run: &Run) -> Resource {
    Resource::Disk {
        zone: run.cloud.zone.clone(),
        name: fleet::state_disk_name(&run.deployment),
    }
}
