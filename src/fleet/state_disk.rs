//! The state disk that a VM is about to get: found or made, and labelled with the release that writes it
//! from now on.

use anyhow::{Context, Result, bail, ensure};
use gce::{Disk, Kind};

use super::disk::{self, state_disk_name};
use super::owner::{Labels, belongs, ensure_belongs};
use super::snapshots;
use super::start::{Adopt, StateDisk};
use super::written::Written;
use crate::journal::{Journal, RUN_LABEL, Resource};
use crate::labels::RESTORING;
use crate::run::Run;

/// How often a change of labels is tried again when somebody else has changed them meanwhile.
const ATTEMPTS: usize = 8;

/// Finds the deployment's state disk or makes a blank one, for a VM of the release `writes`.
///
/// # Errors
/// If a later release wrote the state, or if the state is on its way back from a snapshot.
pub(super) async fn ready(
    run: &Run,
    resource: Resource,
    writes: Written,
    adopt: Adopt,
    journal: &mut Journal,
) -> Result<StateDisk> {
    let Run {
        deployment, cloud, ..
    } = run;
    let disks = cloud.client.disks(&cloud.zone);
    let schedule = snapshots::ensure(cloud, deployment.state.snapshots.as_ref()).await?;
    let name = state_disk_name(deployment);
    if let Some(disk) = disks.find(&name).await? {
        ensure_belongs(&resource, &disk.labels, deployment)?;
        journal.adopt(&resource)?;
        snapshots::follow(cloud, &disk, schedule.as_deref()).await?;
        claim(run, &name, writes).await?;
        return Ok(StateDisk::found(adopt));
    }
    ensure_not_restoring(run, &name).await?;
    let mut disk = disk::state_disk(deployment, cloud, schedule, &journal.label());
    writes.write(&mut disk.labels);
    journal
        .create(&cloud.client, resource, disks.insert(&disk))
        .await?;
    Ok(StateDisk::Made)
}

/// Refuses to make a blank disk while a snapshot is to become that disk.
async fn ensure_not_restoring(run: &Run, disk: &str) -> Result<()> {
    // All are read, with no filter: a filter that finds nothing by mistake would cost the state.
    let snapshots = run.cloud.client.snapshots().list(None).await?;
    let mut snapshots = snapshots.into_iter();
    let restoring = snapshots.find(|it| it.labels.get(RESTORING).is_some_and(|name| name == disk));
    if let Some(snapshot) = restoring {
        bail!(
            "the state disk {disk} is being restored from the snapshot {}: `clawbake state restore` goes on",
            snapshot.name.unwrap_or_default()
        );
    }
    Ok(())
}

/// Keeps the state of a VM that is in use: no clean-up after a run that died may take it for a leftover, on
/// whatever machine that run was.
pub(super) async fn keep(run: &Run) -> Result<()> {
    let name = state_disk_name(&run.deployment);
    relabel_own(run, &name, |disk| Ok(kept(disk))).await
}

/// The disk of that name is no run's any more.
pub(super) async fn disown(run: &Run, name: &str) -> Result<()> {
    let without = |disk: &Disk| {
        let mut labels = disk.labels.clone();
        labels.remove(RUN_LABEL);
        Ok(labels)
    };
    relabel_own(run, name, without).await
}

/// [`relabel`] where there is a disk of that name which is the deployment's.
async fn relabel_own(
    run: &Run,
    name: &str,
    change: impl Fn(&Disk) -> Result<Labels>,
) -> Result<()> {
    let disks = run.cloud.client.disks(&run.cloud.zone);
    match disks.find(name).await? {
        Some(disk) if belongs(&disk.labels, &run.deployment) => relabel(run, name, change).await,
        _ => Ok(()),
    }
}

/// Writes on the disk which release writes it from now on, unless a later one did before.
async fn claim(run: &Run, name: &str, writes: Written) -> Result<()> {
    relabel(run, name, |disk| claimed(disk, writes)).await
}

/// Changes the disk's labels as `change` says, looking again when somebody else changes them meanwhile.
async fn relabel(run: &Run, name: &str, change: impl Fn(&Disk) -> Result<Labels>) -> Result<()> {
    let disks = run.cloud.client.disks(&run.cloud.zone);
    for _ in 0..ATTEMPTS {
        let disk = disks.get(name).await?;
        let labels = change(&disk)?;
        if labels == disk.labels {
            return Ok(());
        }
        let fingerprint = disk.label_fingerprint.unwrap_or_default();
        match disks.set_labels(name, &labels, &fingerprint).await {
            Ok(pending) => return Ok(pending.wait().await.map(drop)?),
            Err(error) if error.kind == Kind::PreconditionFailed => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("the labels of the state disk {name} change all the time: try again")
}

/// The disk's labels without the run that made it, once a VM has had it.
fn kept(disk: &Disk) -> Labels {
    let mut labels = disk.labels.clone();
    if disk.last_attach_timestamp.is_some() {
        labels.remove(RUN_LABEL);
    }
    labels
}

/// The disk's labels once a release writes it.
fn claimed(disk: &Disk, writes: Written) -> Result<Labels> {
    let name = disk.name.as_deref().unwrap_or_default();
    let mut labels = kept(disk);
    let before = Written::of(&labels)
        .with_context(|| format!("reading who wrote the state disk {name} last"))?;
    if let Some(before) = before {
        ensure!(
            writes.may_follow(&before),
            "the state on {name} was written by {before}, which {writes} cannot be trusted to read: \
             `clawbake rollback --with-state` goes back with the state from before"
        );
    }
    writes.write(&mut labels);
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{GATEWAY, SCHEMA};

    fn written(version: &str, schema: &str) -> Written {
        Written {
            version: version.parse().unwrap(),
            schema: Some(schema.parse().unwrap()),
        }
    }

    #[test]
    fn a_disk_says_who_writes_it_and_goes_up_alone() {
        let mut disk = Disk {
            name: Some("state".into()),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            ..Disk::default()
        };
        disk.labels = claimed(&disk, written("2026.9.4", "17-19")).unwrap();
        disk.labels = claimed(&disk, written("2026.9.6", "18-23")).unwrap();
        let said = ["a", GATEWAY, SCHEMA].map(|key| disk.labels[key].as_str());
        assert_eq!(said, ["b", "2026-9-6", "18-23"]);
        let refused = claimed(&disk, written("2026.9.5", "17-21")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the state on state was written by 2026.9.6 (schema 18/23), which 2026.9.5 (schema 17/21) \
             cannot be trusted to read: `clawbake rollback --with-state` goes back with the state from \
             before"
        );
        // A run that died has made it: it may be cleaned up until a VM has had it.
        disk.labels.insert(RUN_LABEL.into(), "0123456789ab".into());
        let claim = |disk: &Disk| claimed(disk, written("2026.9.6", "18-23")).unwrap();
        assert!(claim(&disk).contains_key(RUN_LABEL));
        disk.last_attach_timestamp = Some("2026-11-30T00:00:00Z".into());
        assert!(!claim(&disk).contains_key(RUN_LABEL));
        disk.labels.insert(GATEWAY.into(), "newest".into());
        claimed(&disk, written("2026.9.6", "18-23")).unwrap_err();
    }
}
