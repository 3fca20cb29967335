//! Takes a snapshot of the state disk.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use gce::{Disk, Snapshot};

use super::{Why, disk, marks};
use crate::fleet::{self, Counts};
use crate::journal::{Journal, Resource};
use crate::progress::Outcome;
use crate::run::Run;
use crate::vm;

/// Random digits at the end of a snapshot's name.
const DIGITS: usize = 8;
/// Between two looks at a snapshot that is not READY yet.
const PAUSE: Duration = Duration::from_secs(2);
/// Looks until a snapshot is given up: half an hour, as for every operation.
const LOOKS: usize = 900;

/// Takes a snapshot of the state disk, which stays. It repeats what the disk says about who wrote it
/// last; `counts` is what was counted in the state, if anything was.
///
/// The state of a gateway that runs is copied as a power cut would leave it.
pub async fn snapshot(run: &Run, why: Why, counts: &Counts) -> Result<Snapshot> {
    let mut journal = run.journal("snapshot")?;
    let taken = take(run, why, counts, &mut journal).await;
    journal.settle(&run.cloud.client, taken).await
}

/// [`snapshot`] as a step of a longer run, whose journal decides whether it stays.
pub async fn take(run: &Run, why: Why, counts: &Counts, journal: &mut Journal) -> Result<Snapshot> {
    let disk = disk(run).await?.with_context(|| {
        let name = fleet::state_disk_name(&run.deployment);
        format!("there is no state disk {name}, and so nothing to take a snapshot of")
    })?;
    take_of(run, &disk, why, counts, journal).await
}

/// [`take`] of a disk that was seen before.
pub(super) async fn take_of(
    run: &Run,
    disk: &Disk,
    why: Why,
    counts: &Counts,
    journal: &mut Journal,
) -> Result<Snapshot> {
    let cloud = &run.cloud;
    let stage = run.progress.stage("snapshot");
    let disk_name = disk.name.as_deref().unwrap_or_default();
    let name = name(disk_name, &uuid::Uuid::new_v4().simple().to_string());
    let wanted = Snapshot {
        name: Some(name.clone()),
        description: Some(format!("state of {}: {why}", run.deployment.name)),
        labels: marks::of_snapshot(disk, why, counts, &journal.label()),
        source_disk: Some(format!("zones/{}/disks/{disk_name}", cloud.zone)),
        storage_locations: cloud.storage_locations.clone(),
        snapshot_encryption_key: cloud.kms_key.clone().map(vm::encryption_key),
        ..Snapshot::default()
    };
    stage.note(&name);
    let snapshots = cloud.client.snapshots();
    let resource = Resource::Snapshot { name: name.clone() };
    journal
        .create(&cloud.client, resource, snapshots.insert(&wanted))
        .await?;
    let taken = ready(run, &name).await?;
    stage.finish(Outcome::Done, &name);
    Ok(taken)
}

/// The snapshot once it is READY. One that is not must never be relied on.
async fn ready(run: &Run, name: &str) -> Result<Snapshot> {
    for _ in 0..LOOKS {
        let snapshot = run.cloud.client.snapshots().get(name).await?;
        match snapshot.status.as_deref() {
            Some("READY") => return Ok(snapshot),
            Some("CREATING" | "UPLOADING") => tokio::time::sleep(PAUSE).await,
            status => bail!(
                "the snapshot {name} is {}: take another one",
                status.unwrap_or("in no state")
            ),
        }
    }
    bail!("the snapshot {name} does not become READY: take another one")
}

/// Unique, and it says whose state it is.
fn name(disk: &str, random: &str) -> String {
    let mut name = disk.to_owned();
    name.truncate(63 - 1 - DIGITS);
    format!("{}-{}", name.trim_end_matches('-'), &random[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ResourceName;

    #[test]
    fn names_are_unique_and_fit() {
        let random = "0123456789abcdef";
        assert_eq!(name("gateway-state", random), "gateway-state-01234567");
        let long = name(&format!("{}-state", "a".repeat(57)), random);
        assert_eq!(long.len(), 63);
        assert!(long.parse::<ResourceName>().is_ok());
        assert!(long.ends_with("-01234567"));
    }
}
