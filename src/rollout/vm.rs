//! The steps of a rollout that work on the VM.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::intent::Intent;
use super::observe::Seen;
use super::run::{POLL, Rollout};
use super::scene::Power;
use super::words;
use crate::fleet::{self, Adopt, Counted};
use crate::journal::Resource;
use crate::labels::COUNTS;
use crate::progress::Outcome;
use crate::vm::{self, Request};

/// What a guest needs to stop its gateway, besides what the recipe gives the gateway.
const STOP_MARGIN: Duration = Duration::from_mins(1);
/// For a VM to be on, off or gone.
const SETTLE: Duration = Duration::from_mins(10);

impl Rollout<'_> {
    /// Waits for what the VM is doing.
    pub(super) async fn settle(&self) -> Result<()> {
        let (run, began) = (self.run, Instant::now());
        let vm = Resource::Instance {
            zone: run.cloud.zone.clone(),
            name: self.name().to_owned(),
        };
        while began.elapsed() < SETTLE {
            vm.quiet(&run.cloud.client).await?;
            let instance = fleet::find(run).await?;
            let status = instance.and_then(|it| it.status).unwrap_or_default();
            if status.is_empty() || Power::of(&status) != Power::Moving {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        bail!(
            "the VM is neither on nor off after {} minutes",
            SETTLE.as_secs() / 60
        )
    }

    /// Stops the gateway gracefully, where there is one that answers.
    pub(super) async fn quiesce(&mut self, intent: &Intent, seen: &Seen) -> Result<()> {
        let mut counts = None;
        let on = seen
            .scene
            .vm
            .as_ref()
            .is_some_and(|vm| vm.power == Power::On);
        if on {
            let stage = self.run.progress.stage("gateway");
            let seconds = self.run.deployment.recipe.gateway.stop_seconds.into();
            let patience = Duration::from_secs(seconds) + STOP_MARGIN;
            self.stopped = Some(Instant::now());
            let asked = vm::ask(
                &self.run.cloud,
                self.name(),
                Request::Stop,
                patience,
                &stage,
            );
            let counted = match asked.await {
                Ok(answer) => {
                    stage.finish(Outcome::Done, words::stopped(&answer));
                    answer.counted()
                }
                Err(error) => {
                    let why =
                        format!("it is stopped with its VM, for it did not answer: {error:#}");
                    stage.finish(Outcome::Done, &why);
                    Counted::Unknown(why)
                }
            };
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
