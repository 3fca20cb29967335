//! Takes one step of a migration.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gce::Disk;

use super::observe::Seen;
use super::run::Work;
use super::scene::Power;
use super::step::{Side, Step};
use crate::fleet::{self, Adopt, Counts};
use crate::journal::Resource;
use crate::labels::COUNTS;
use crate::progress::Outcome;
use crate::rollout::{self, now};
use crate::run::Run;
use crate::state::{self, Migration};

impl Work<'_> {
    pub(super) async fn take(&mut self, step: &Step, seen: &Seen) -> Result<()> {
        match step {
            Step::Settle(Side::Old) => fleet::settle(self.from).await,
            Step::Settle(Side::New) => fleet::settle(self.to).await,
            Step::Begin(it) | Step::TakeOver(it) | Step::TurnBack(it) => {
                let stage = self.from.progress.stage("migration");
                self.label(seen, it, None).await?;
                let to = &self.to.deployment.name;
                stage.finish(Outcome::Done, format!("to {to}: {}", it.word.name()));
                Ok(())
            }
            Step::Quiesce(it) => self.quiesce(it, seen).await,
            Step::Halt => {
                self.stopped.get_or_insert_with(Instant::now);
                halt(self.from).await
            }
            Step::Snapshot(it) => self.snapshot(it, seen).await,
            Step::Copy => self.copy(seen).await,
            Step::Insert => self.insert().await,
            Step::Drop => fleet::delete(self.to, None).await.map(drop),
            Step::Watch => self.watch(seen).await,
            Step::Finish(it) => self.label(seen, it, None).await,
            Step::Discard { copy } => {
                let disk = fleet::state_disk_name(&self.to.deployment);
                let disk = copy.then_some(&*disk);
                fleet::delete(self.to, disk).await.map(drop)
            }
            Step::Return => self.start_old(seen).await,
            Step::Check => {
                let name = &self.from.deployment.name;
                let stage = self.from.progress.stage("gateway");
                let report = fleet::watch(&self.from.cloud, name, self.timeout, &stage).await?;
                stage.finish(Outcome::Done, format!("{} is back", report.gateway));
                Ok(())
            }
            Step::Forget => self.forget(seen).await,
        }
    }

    /// Writes how far it is on the old state disk, if its labels are still what was seen. With `counts`, what
    /// the old gateway has counted too.
    async fn label(
        &self,
        seen: &Seen,
        migration: &Migration,
        counts: Option<&Counts>,
    ) -> Result<()> {
        let disk = seen.disk.as_ref().context("there is no state disk")?;
        let mut labels = migration.write(&disk.labels);
        if let Some(counts) = counts.filter(|it| !it.is_empty()) {
            labels.insert(COUNTS.to_owned(), counts.label());
        }
        self.set_labels(disk, &labels).await
    }

    async fn forget(&self, seen: &Seen) -> Result<()> {
        let disk = seen.disk.as_ref().context("there is no state disk")?;
        let mut labels = Migration::clear(&disk.labels);
        labels.remove(COUNTS);
        self.set_labels(disk, &labels).await
    }

    async fn set_labels(&self, disk: &Disk, labels: &BTreeMap<String, String>) -> Result<()> {
        let name = disk.name.as_deref().unwrap_or_default();
        let fingerprint = disk.label_fingerprint.as_deref().unwrap_or_default();
        let cloud = &self.from.cloud;
        let disks = cloud.client.disks(&cloud.zone);
        disks
            .set_labels(name, labels, fingerprint)
            .await?
            .wait()
            .await?;
        Ok(())
    }

    /// Stops the old gateway gracefully, where there is one that answers.
    async fn quiesce(&mut self, migration: &Migration, seen: &Seen) -> Result<()> {
        let mut counts = None;
        if seen.scene.old == Some(Power::On) {
            self.stopped = Some(Instant::now());
            let counted = fleet::quiesce(self.from).await;
            counts = fleet::counted_at_last(self.from, counted).await;
        }
        let migration = Migration {
            stopped: self.stopped.map(|_| now()),
            ..migration.clone()
        };
        self.label(seen, &migration, counts.as_ref()).await
    }

    async fn snapshot(&self, migration: &Migration, seen: &Seen) -> Result<()> {
        let counts = seen.counts()?;
        let taken = state::snapshot(self.from, state::Why::Migration, &counts).await?;
        let migration = Migration {
            snapshot: taken.name,
            ..migration.clone()
        };
        self.label(seen, &migration, None).await
    }

    /// Makes the new state disk. Nothing on it says yet who wrote it: that was another gateway.
    async fn copy(&self, seen: &Seen) -> Result<()> {
        let Run {
            deployment, cloud, ..
        } = self.to;
        let snapshot = seen.snapshot.as_ref().context("there is no snapshot")?;
        let name = fleet::state_disk_name(deployment);
        let stage = self.to.progress.stage("state disk");
        stage.note(&name);
        let mut journal = self.to.journal("migrate")?;
        let made = async {
            let policy = fleet::policy(self.to).await?;
            let blank = fleet::state_disk(deployment, cloud, policy, &journal.label());
            let disk = Disk {
                size_gb: blank.size_gb.max(snapshot.disk_size_gb),
                source_snapshot: snapshot.self_link.clone(),
                ..blank
            };
            let resource = Resource::Disk {
                zone: cloud.zone.clone(),
                name: name.clone(),
            };
            let disks = cloud.client.disks(&cloud.zone);
            journal
                .create(&cloud.client, resource, disks.insert(&disk))
                .await
        };
        let made = made.await;
        journal.settle(&cloud.client, made).await?;
        stage.finish(Outcome::Done, name);
        Ok(())
    }

    async fn insert(&self) -> Result<()> {
        let stage = self.to.progress.stage("VM");
        let image = self.image.context("there is no image for the new VM")?;
        let template = fleet::ensure_template(self.to, image).await?;
        let mut journal = self.to.journal("migrate")?;
        let created = fleet::create_from(self.to, template, Adopt::Gateway, &mut journal);
        let created = Box::pin(created).await;
        journal.settle(&self.to.cloud.client, created).await?;
        let name = &self.to.deployment.name;
        let image = image.name.as_deref().unwrap_or_default();
        stage.finish(Outcome::Done, format!("{name} from {image}"));
        Ok(())
    }

    async fn watch(&mut self, seen: &Seen) -> Result<()> {
        let (run, stage) = (self.to, self.to.progress.stage("gateway"));
        let name = &run.deployment.name;
        let report = fleet::watch(&run.cloud, name, self.timeout, &stage).await?;
        let began = seen.scene.migration.as_ref().and_then(|it| it.stopped);
        self.downtime = match self.stopped {
            Some(stopped) => Some(stopped.elapsed()),
            None => began.map(|at| Duration::from_secs(now().saturating_sub(at))),
        };
        rollout::examine(run, &seen.counts()?).await?;
        let (gateway, phase) = (&report.gateway, report.phase);
        stage.finish(Outcome::Done, format!("{gateway} is {phase}"));
        self.report = Some(report);
        Ok(())
    }

    async fn start_old(&self, seen: &Seen) -> Result<()> {
        let stage = self.from.progress.stage("VM");
        let instance = seen.old.as_ref().context("there is no VM")?;
        fleet::start(&self.from.cloud, instance, false).await?;
        stage.finish(
            Outcome::Done,
            format!("{} started", self.from.deployment.name),
        );
        Ok(())
    }
}

async fn halt(run: &Run) -> Result<()> {
    let (cloud, stage) = (&run.cloud, run.progress.stage("VM"));
    let name = &run.deployment.name;
    stage.note("stopping it");
    let instances = cloud.client.instances(&cloud.zone);
    instances.stop(name).await?.wait().await?;
    stage.finish(Outcome::Done, format!("{name} stopped"));
    Ok(())
}
