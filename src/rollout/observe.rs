//! Looks at a deployment.

use anyhow::{Context, Result};
use gce::{AttachedDisk, Disk, Instance, Snapshot};
use jiff::Timestamp;

use super::intent::Intent;
use super::scene::{self, Power, Restoring, Scene, Vm};
use crate::fleet::Written;
use crate::fleet::{self, Phase};
use crate::labels::{RESTORING, TEMPLATE};
use crate::run::Run;
use crate::state;

/// A scene, and the resources that it was read from.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) scene: Scene,
    pub(super) instance: Option<Instance>,
    pub(super) disk: Option<Disk>,
    pub(super) snapshots: Vec<Snapshot>,
}

impl Seen {
    /// Looks at everything once.
    pub(super) async fn look(run: &Run) -> Result<Self> {
        // The disk last: what is decided holds as long as its labels do not change.
        let instance = fleet::find(run).await?;
        let failed = match &instance {
            Some(instance) => {
                let report = fleet::report(&run.cloud, instance).await?;
                report.is_some_and(|report| report.phase == Phase::Failed)
            }
            None => false,
        };
        let snapshots = state::list(run).await?;
        let disk = state::disk(run).await?;
        let name = fleet::state_disk_name(&run.deployment);
        let copies = snapshots.iter().map(|it| copy(it, &name));
        Ok(Self {
            scene: Scene {
                vm: instance.as_ref().map(|it| vm(it, &name, failed)),
                disk: disk.as_ref().map(state_disk).transpose()?,
                snapshots: copies.collect::<Result<_>>()?,
            },
            instance,
            disk,
            snapshots,
        })
    }

    /// The snapshot of that name.
    pub(super) fn snapshot(&self, name: &str) -> Option<&Snapshot> {
        let mut snapshots = self.snapshots.iter();
        snapshots.find(|it| it.name.as_deref() == Some(name))
    }
}

fn vm(instance: &Instance, state: &str, failed: bool) -> Vm {
    let path = format!("/disks/{state}");
    let is_state = |disk: &&AttachedDisk| {
        let source = disk.source.as_deref().unwrap_or_default();
        source.ends_with(&path)
    };
    let attached = instance.disks.iter().find(is_state);
    Vm {
        power: Power::of(instance.status.as_deref().unwrap_or_default()),
        keeps_state: attached.is_some_and(|disk| disk.auto_delete != Some(true)),
        failed,
        template: instance.labels.get(TEMPLATE).cloned(),
        moved: fleet::moved(instance),
    }
}

fn state_disk(disk: &Disk) -> Result<scene::Disk> {
    let name = disk.name.as_deref().unwrap_or_default();
    let source = disk.source_snapshot_id.as_deref();
    Ok(scene::Disk {
        id: disk.id.context("the state disk has no id")?,
        source: source.and_then(|id| id.parse().ok()),
        intent: Intent::read(&disk.labels).with_context(|| format!("reading disk {name}"))?,
        written: Written::of(&disk.labels).with_context(|| format!("reading disk {name}"))?,
        attached: time(disk.last_attach_timestamp.as_deref()),
    })
}

fn copy(snapshot: &Snapshot, disk: &str) -> Result<(String, scene::Snapshot)> {
    let name = snapshot.name.clone().context("a snapshot has no name")?;
    let reading = || format!("reading snapshot {name}");
    let labels = &snapshot.labels;
    let restoring = labels.get(RESTORING).is_some_and(|name| name == disk);
    let of = snapshot.source_disk_id.as_deref();
    let copy = scene::Snapshot {
        id: snapshot.id.context("it has no id").with_context(reading)?,
        of: of.and_then(|id| id.parse().ok()),
        taken: time(snapshot.creation_timestamp.as_deref()),
        ready: snapshot.status.as_deref() == Some("READY"),
        // Somebody else's label on one of many is no reason to stop.
        written: Written::of(labels).unwrap_or_default(),
        restoring: if restoring {
            Some(Restoring {
                intent: Intent::read(labels).with_context(reading)?,
            })
        } else {
            None
        },
    };
    Ok((name, copy))
}

/// A time as the cloud says it.
fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}
