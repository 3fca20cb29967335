//! The state disk as the cloud has it, and changes of its labels.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use gce::{Disk, Kind};

use crate::fleet;
use crate::journal::Resource;
use crate::run::Run;

/// How often a change of labels is tried again when somebody else has changed them meanwhile.
pub(super) const TRIES: usize = 8;

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

/// Changes the labels of the state disk, from what they are at that moment: if somebody else changes
/// them meanwhile, `change` is asked again, and may refuse.
pub async fn relabel(
    run: &Run,
    mut change: impl FnMut(&mut BTreeMap<String, String>) -> Result<()>,
) -> Result<()> {
    let name = fleet::state_disk_name(&run.deployment);
    for _ in 0..TRIES {
        let disk = disk(run).await?;
        let disk = disk.with_context(|| format!("there is no state disk {name}"))?;
        let mut labels = disk.labels.clone();
        change(&mut labels)?;
        if labels == disk.labels {
            return Ok(());
        }
        let disks = run.cloud.client.disks(&run.cloud.zone);
        let fingerprint = disk.label_fingerprint.unwrap_or_default();
        match disks.set_labels(&name, &labels, &fingerprint).await {
            Ok(pending) => return Ok(pending.wait().await.map(drop)?),
            Err(error) if error.kind == Kind::PreconditionFailed => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("the labels of the state disk {name} change all the time: try again")
}
