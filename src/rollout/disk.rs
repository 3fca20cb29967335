//! The steps of a rollout that work on the state disk and its snapshots.

use anyhow::{Context, Result, anyhow};
use gce::{Kind, Snapshot};

use super::fault::Overtaken;
use super::intent::{Intent, Labels, clear};
use super::observe::Seen;
use super::run::Rollout;
use crate::fleet::Counts;
use crate::journal::RUN_LABEL;
use crate::labels::{COUNTS, RESTORING, RESTORING_OVER};
use crate::state;

impl Rollout<'_> {
    /// Changes the state disk's labels, if they are still what was seen.
    pub(super) async fn label(
        &self,
        seen: &Seen,
        change: impl FnOnce(&Labels) -> Labels,
    ) -> Result<()> {
        let disk = seen.disk.as_ref().context("there is no state disk")?;
        let name = disk.name.as_deref().unwrap_or_default();
        let fingerprint = disk.label_fingerprint.as_deref().unwrap_or_default();
        let cloud = &self.run.cloud;
        let disks = cloud.client.disks(&cloud.zone);
        match disks
            .set_labels(name, &change(&disk.labels), fingerprint)
            .await
        {
            Ok(pending) => Ok(pending.wait().await.map(drop)?),
            Err(error) if error.kind == Kind::PreconditionFailed => Err(Overtaken.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what the rollout has written, which is over.
    pub(super) async fn unlabel(&self, seen: &Seen) -> Result<()> {
        let over = |labels: &Labels| {
            let mut labels = clear(labels);
            labels.remove(COUNTS);
            // The VM has it: no clean-up after the run that made it may take it.
            labels.remove(RUN_LABEL);
            labels
        };
        self.label(seen, over).await
    }

    /// Removes the mark of a restore.
    pub(super) async fn forget(&self, snapshot: Option<&Snapshot>) -> Result<()> {
        let snapshot = snapshot.context("the snapshot is gone")?;
        let name = snapshot.name.as_deref().unwrap_or_default();
        let fingerprint = snapshot.label_fingerprint.as_deref().unwrap_or_default();
        let mut labels = clear(&snapshot.labels);
        labels.retain(|key, _| key != RESTORING && key != RESTORING_OVER);
        let snapshots = self.run.cloud.client.snapshots();
        let pending = snapshots.set_labels(name, &labels, fingerprint).await?;
        pending.wait().await?;
        Ok(())
    }

    /// Puts the stopped state into a snapshot, and writes down its name.
    pub(super) async fn snapshot(&self, intent: &Intent, seen: &Seen) -> Result<()> {
        let disk = seen.disk.as_ref().context("there is no state disk")?;
        let counts = counts(&disk.labels)?;
        let taken = state::snapshot(self.run, state::Why::Change, &counts).await?;
        let named = Intent {
            snapshot: taken.name,
            ..intent.clone()
        };
        self.label(seen, |labels| named.write(labels)).await
    }
}

/// What labels say was counted.
pub(super) fn counts(labels: &Labels) -> Result<Counts> {
    let Some(label) = labels.get(COUNTS) else {
        return Ok(Counts::default());
    };
    label
        .parse()
        .map_err(|_| anyhow!("the label {COUNTS}={label} cannot be read"))
}
