//! Looks at both deployments.

use anyhow::{Result, anyhow};
use gce::{Disk, Instance, Snapshot};
use jiff::Timestamp;

use super::gates::Between;
use super::scene::{Copy, Power, Scene};
use crate::fleet::{self, Counts};
use crate::labels::COUNTS;
use crate::state::{self, Migration};

/// What is there, and the resources that it was read from.
pub(super) struct Seen {
    pub(super) scene: Scene,
    pub(super) old: Option<Instance>,
    pub(super) disk: Option<Disk>,
    pub(super) snapshot: Option<Snapshot>,
}

fn taken(snapshot: &Snapshot) -> Option<Timestamp> {
    snapshot.creation_timestamp.as_deref()?.parse().ok()
}

impl Seen {
    /// Looks at everything once; the labels last, by whose fingerprint they are changed.
    pub(super) async fn look(between: &Between) -> Result<Self> {
        let Between { from, to } = between;
        let old = fleet::find(from).await?;
        let new = fleet::find(to).await?;
        for (run, instance) in [(from, &old), (to, &new)] {
            if let Some(instance) = instance {
                // A run that died must not take back what is in use.
                fleet::keep(run, instance).await?;
            }
        }
        let copy = state::disk(to).await?;
        let snapshots = state::list(from).await?;
        let disk = state::disk(from).await?;
        let labels = disk.as_ref().map(|disk| &disk.labels);
        let migration = match labels {
            Some(labels) => Migration::read(labels)?,
            None => None,
        };
        let named = migration.as_ref().and_then(|it| it.snapshot.clone());
        let snapshot = named.and_then(|name| {
            let mut all = snapshots.into_iter();
            all.find(|it| it.name.as_ref() == Some(&name) && it.status.as_deref() == Some("READY"))
        });
        let source = |disk: &Disk| disk.source_snapshot_id.as_deref()?.parse::<u64>().ok();
        let copy = match &copy {
            None => Copy::None,
            Some(disk) => match (source(disk), snapshot.as_ref().and_then(|it| it.id)) {
                (Some(one), Some(other)) if one == other => Copy::Own,
                _ => Copy::Other,
            },
        };
        let taken = snapshot.as_ref().and_then(taken);
        let moved = old.as_ref().and_then(fleet::moved);
        let power = |vm: &Instance| Power::of(vm.status.as_deref().unwrap_or_default());
        Ok(Self {
            scene: Scene {
                old: old.as_ref().map(power),
                migration,
                snapshot: snapshot.is_some(),
                late: taken.is_some() && moved > taken,
                copy,
                new: new.as_ref().map(power),
            },
            old,
            disk,
            snapshot,
        })
    }

    /// What the old gateway had counted.
    pub(super) fn counts(&self) -> Result<Counts> {
        let labels = self.disk.as_ref().map(|disk| &disk.labels);
        let Some(label) = labels.and_then(|labels| labels.get(COUNTS)) else {
            return Ok(Counts::default());
        };
        let counts = label.parse();
        counts.map_err(|_| anyhow!("the label {COUNTS}={label} cannot be read"))
    }
}
