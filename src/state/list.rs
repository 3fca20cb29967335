//! The snapshots of a deployment's state.

use anyhow::{Context, Result, ensure};
use gce::{Disk, Snapshot};
use jiff::Timestamp;

use super::marks::Mark;
use crate::deployment::Deployment;
use crate::fleet;
use crate::run::Run;

/// The snapshots of the deployment's state, newest first: those that were asked for, and those that a
/// schedule has made.
pub async fn list(run: &Run) -> Result<Vec<Snapshot>> {
    let all = run.cloud.client.snapshots().list(None).await?;
    sorted(all, &run.deployment, &run.cloud.zone)
}

/// The snapshot of the deployment's state that has this name.
pub async fn find(run: &Run, name: &str) -> Result<Snapshot> {
    let snapshot = run.cloud.client.snapshots().get(name).await?;
    ensure!(
        belongs(&snapshot, &run.deployment, &run.cloud.zone),
        "the snapshot {name} is not of the state of {}: `clawbake state list` shows those that are",
        run.deployment.name
    );
    Ok(snapshot)
}

/// The snapshot that a restore is under way from, if one is. Until it is done, the state disk may be
/// missing: a rollout that was under way on it is in the labels of this snapshot.
pub async fn restoring(run: &Run) -> Result<Option<Snapshot>> {
    let disk = fleet::state_disk_name(&run.deployment);
    let mut found = list(run).await?.into_iter();
    Ok(found.find(|snapshot| Mark::of(snapshot, &disk).is_some()))
}

fn sorted(all: Vec<Snapshot>, deployment: &Deployment, zone: &str) -> Result<Vec<Snapshot>> {
    let own = all.into_iter().filter(|it| belongs(it, deployment, zone));
    let dated: Result<Vec<_>> = own.map(|it| Ok((created(&it)?, it))).collect();
    let mut dated = dated?;
    dated.sort_by(|(one, _), (other, _)| other.cmp(one));
    Ok(dated.into_iter().map(|(_, snapshot)| snapshot).collect())
}

/// Whether it is of this deployment's state. What a schedule makes may carry no label.
fn belongs(snapshot: &Snapshot, deployment: &Deployment, zone: &str) -> bool {
    let name = fleet::state_disk_name(deployment);
    let of_disk = |url: &str| url.ends_with(&format!("/zones/{zone}/disks/{name}"));
    let scheduled = snapshot.auto_created == Some(true);
    fleet::belongs(&snapshot.labels, deployment)
        || (scheduled && snapshot.source_disk.as_deref().is_some_and(of_disk))
}

/// When a snapshot was taken.
pub(super) fn created(snapshot: &Snapshot) -> Result<Timestamp> {
    let time = snapshot.creation_timestamp.as_deref().unwrap_or_default();
    time.parse().with_context(|| {
        let name = snapshot.name.as_deref().unwrap_or_default();
        format!("the snapshot {name} was created at `{time}`, which is no time")
    })
}

/// Whether a snapshot is of this very disk, and not of an earlier one of its name.
pub(super) fn is_of(snapshot: &Snapshot, disk: &Disk) -> bool {
    let id = disk.id.map(|id| id.to_string());
    id.is_some() && snapshot.source_disk_id == id
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn snapshots_of_the_state_are_told_from_others_by_label_or_schedule() {
        let text = include_str!("../userdata/testdata/clawbake.yaml");
        let deployment = Deployment::parse("clawbake.yaml", text, Path::new("")).unwrap();
        let disk = fleet::state_disk_name(&deployment);
        let snapshot = |name: &str, at: &str, zone: &str, label: &str, auto: bool| Snapshot {
            name: Some(name.into()),
            creation_timestamp: Some(at.into()),
            source_disk: Some(format!("https://x/projects/p/zones/{zone}/disks/{disk}")),
            labels: [("clawbake-deployment".to_owned(), label.to_owned())].into(),
            auto_created: Some(auto),
            ..Snapshot::default()
        };
        let (own, other) = (deployment.name.to_string(), "other");
        let all = vec![
            snapshot("older", "2026-11-01T02:00:00.000-07:00", "z", &own, false),
            snapshot("newer", "2026-11-01T01:30:00.000-08:00", "z", &own, false),
            snapshot("scheduled", "2026-11-02T00:00:00Z", "z", other, true),
            snapshot("elsewhere", "2026-11-02T00:00:00Z", "y", other, true),
            snapshot("a-strangers", "2026-11-02T00:00:00Z", "z", other, false),
        ];
        let sorted = sorted(all, &deployment, "z").unwrap();
        let names: Vec<_> = sorted.into_iter().filter_map(|it| it.name).collect();
        assert_eq!(names, ["scheduled", "newer", "older"]);
    }
}
