//! The steps of a rollout that work on the VM.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::intent::Intent;
use super::observe::Seen;
use super::run::Rollout;
use super::scene::Power;
use crate::fleet::{self, Adopt};
use crate::labels::COUNTS;
use crate::progress::Outcome;

impl Rollout<'_> {
    /// Stops the gateway gracefully, where there is one that answers.
    pub(super) async fn quiesce(&mut self, intent: &Intent, seen: &Seen) -> Result<()> {
        let mut counts = None;
        let on = seen
            .scene
            .vm
            .as_ref()
            .is_some_and(|vm| vm.power == Power::On);
        if on {
            self.stopped = Some(Instant::now());
            let counted = fleet::quiesce(self.run).await;
            counts = fleet::counted_at_last(self.run, counted).await;
        }
        self.label(seen, |labels| {
            let mut labels = intent.write(labels);
            match counts.filter(|counts| !counts.is_empty()) {
                Some(counts) => labels.insert(COUNTS.to_owned(), counts.label()),
                None => labels.remove(COUNTS),
            };
            labels
        })
        .await
    }

    /// Stops the VM.
    pub(super) async fn halt(&mut self) -> Result<()> {
        let (cloud, stage) = (&self.run.cloud, self.run.progress.stage("VM"));
        self.stopped.get_or_insert_with(Instant::now);
        stage.note("stopping it");
        let instances = cloud.client.instances(&cloud.zone);
        instances.stop(self.name()).await?.wait().await?;
        stage.finish(Outcome::Done, format!("{} stopped", self.name()));
        Ok(())
    }

    /// Deletes the VM, which keeps its state disk.
    pub(super) async fn delete(&self, seen: &Seen) -> Result<()> {
        let keeps = seen.scene.vm.as_ref().is_some_and(|vm| vm.keeps_state);
        ensure!(
            keeps,
            "the VM {} would take its state disk with it: `gcloud compute instances \
             set-disk-auto-delete --no-auto-delete` keeps the disk",
            self.name()
        );
        fleet::delete(self.run, None).await.map(drop)
    }

    /// Creates the VM from a template.
    pub(super) async fn insert(&self, template: &str) -> Result<()> {
        let stage = self.run.progress.stage("VM");
        stage.note(format!("from template {template}"));
        let found = fleet::find_template(self.run, template).await?;
        let found = found.with_context(|| format!("the template {template} is gone"))?;
        let mut journal = self.run.journal("rollout")?;
        let created = fleet::create_from(self.run, found, Adopt::Own, &mut journal);
        let created = Box::pin(created).await;
        journal.settle(&self.run.cloud.client, created).await?;
        stage.finish(Outcome::Done, format!("{} from {template}", self.name()));
        Ok(())
    }

    /// Starts the VM, or restarts it.
    pub(super) async fn start(&self, seen: &Seen) -> Result<()> {
        let (cloud, stage) = (&self.run.cloud, self.run.progress.stage("VM"));
        let instance = seen.instance.as_ref().context("there is no VM")?;
        if Power::of(instance.status.as_deref().unwrap_or_default()) == Power::On {
            let instances = cloud.client.instances(&cloud.zone);
            instances.stop(self.name()).await?.wait().await?;
        }
        fleet::start(cloud, instance, false).await?;
        stage.finish(Outcome::Done, format!("{} started", self.name()));
        Ok(())
    }
}
