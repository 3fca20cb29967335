//! Carries a rollout out: looks, takes one step, looks again, until there is none left.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use gce::{Kind, Snapshot};

use super::fault::{Overtaken, fault};
use super::gate::{Gate, PutBack, Refused};
use super::intent::{Intent, Labels, clear};
use super::last;
use super::machine::{Aim, End, Machine, Next};
use super::observe::Seen;
use super::record::record;
use super::scene::Power;
use super::step::Step;
use super::why::Why;
use super::words;
use crate::fleet::{self, Adopt, Counts, Report};
use crate::journal::Resource;
use crate::labels::{COUNTS, IMAGE, RESTORING, RESTORING_OVER};
use crate::progress::Outcome;
use crate::run::Run;
use crate::state;
use crate::vm::{self, Request};

/// More steps than a rollout can take, even if others change what it works on.
const STEPS: usize = 64;
/// What a guest needs to stop its gateway, besides what the recipe gives the gateway.
const STOP_MARGIN: Duration = Duration::from_mins(1);
/// Between two looks at a VM.
pub(super) const POLL: Duration = Duration::from_secs(5);
/// For a VM to be on, off or gone.
const SETTLE: Duration = Duration::from_mins(10);

/// A VM that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// The VM.
    pub instance: String,
    /// Its image.
    pub image: String,
    /// Its template.
    pub template: String,
    /// The gateway's version, as it says itself.
    pub gateway: String,
    /// The state before, in a snapshot.
    pub snapshot: String,
    /// Seconds from the stop of the old gateway until the new one was ready.
    pub downtime_seconds: u64,
}

/// How patient a rollout is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For each start of a gateway.
    pub(super) timeout: Duration,
    /// How long it has to stay ready.
    pub(super) soak: Duration,
}

/// A rollout that this run carries out.
pub(super) struct Rollout<'a> {
    pub(super) run: &'a Run,
    /// What for.
    pub(super) why: Why,
    pub(super) machine: Machine,
    pub(super) patience: Patience,
    /// When this run stopped the gateway.
    pub(super) stopped: Option<Instant>,
    /// How long the gateway was down.
    pub(super) downtime: Duration,
    /// The gateway that became ready last.
    pub(super) report: Option<Report>,
    /// The snapshot of the state before.
    pub(super) snapshot: Option<String>,
    /// What went wrong last.
    pub(super) trouble: Option<Error>,
}

impl<'a> Rollout<'a> {
    pub(super) fn new(run: &'a Run, why: Why, aim: Aim, me: String, patience: Patience) -> Self {
        Self {
            run,
            why,
            machine: Machine::new(aim, me),
            patience,
            stopped: None,
            downtime: Duration::ZERO,
            report: None,
            snapshot: None,
            trouble: None,
        }
    }

    /// Carries it out.
    pub(super) async fn drive(mut self) -> Result<Replaced> {
        for _ in 0..STEPS {
            let seen = Seen::look(self.run).await?;
            if let Some(intent) = seen.scene.intent() {
                self.snapshot.clone_from(&intent.snapshot);
            }
            match self.machine.next(&seen.scene) {
                Next::End(end) => return self.conclude(end, &seen),
                Next::Take(step) => match Box::pin(self.take(&step, &seen)).await {
                    Ok(()) => self.machine.succeeded(&step),
                    Err(error) => {
                        let (fault, why) = (fault(&error), format!("{error:#}"));
                        self.machine.failed(&seen.scene, &step, fault, &why);
                        self.trouble = Some(error.context(format!("to {step}")));
                    }
                },
            }
        }
        bail!("others change the VM and its state disk all the time: try again")
    }

    /// Takes one step.
    async fn take(&mut self, step: &Step, seen: &Seen) -> Result<()> {
        match step {
            Step::Settle => self.settle().await,
            Step::Begin(it) => {
                let stage = self.run.progress.stage(self.why.to_string());
                self.label(seen, |labels| it.write(labels)).await?;
                stage.finish(Outcome::Done, format!("to {}", it.to));
                Ok(())
            }
            Step::TakeOver(it) => {
                let stage = self.run.progress.stage(self.why.to_string());
                self.label(seen, |labels| it.write(labels)).await?;
                stage.finish(Outcome::Done, words::continued(it));
                Ok(())
            }
            Step::Quiesce(it) => self.quiesce(it, seen).await,
            Step::Halt => self.halt().await,
            Step::Snapshot(it) => self.snapshot(it, seen).await,
            Step::Delete => self.delete(seen).await,
            Step::Restore(name) => {
                let snapshot = state::find(self.run, name).await?;
                state::restore(self.run, &snapshot).await.map(drop)
            }
            Step::Forget(name) => self.forget(seen.snapshot(name)).await,
            Step::Record(it) => {
                let release = self.machine.aim.release;
                let record = |labels: &Labels| {
                    let mut labels = it.write(labels);
                    if let Some(release) = &release {
                        release.write(&mut labels);
                    }
                    labels
                };
                self.label(seen, record).await
            }
            Step::Insert(template) => self.insert(template).await,
            Step::Start => self.start(seen).await,
            Step::Watch { counts } => self.watch(counts.as_deref(), seen).await,
            Step::Soak => self.soak().await,
            Step::TurnBack(it) => {
                let stage = self.run.progress.stage("going back");
                let gate = it.gate.unwrap_or(Gate::Ready);
                self.label(seen, |labels| it.write(labels)).await?;
                self.stopped.get_or_insert_with(Instant::now);
                stage.finish(Outcome::Done, format!("it failed at the gate `{gate}`"));
                Ok(())
            }
            Step::Finish { template, .. } => {
                if let Some(template) = template {
                    self.lock(template).await?;
                }
                self.label(seen, unlabelled).await
            }
            Step::GiveUp(_) => self.label(seen, unlabelled).await,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.run.deployment.name
    }

    /// Changes the state disk's labels, if they are still what was seen.
    async fn label(&self, seen: &Seen, change: impl FnOnce(&Labels) -> Labels) -> Result<()> {
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

    /// Removes the mark of a restore.
    async fn forget(&self, snapshot: Option<&Snapshot>) -> Result<()> {
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

    /// Waits for what the VM is doing.
    async fn settle(&self) -> Result<()> {
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
    async fn quiesce(&mut self, intent: &Intent, seen: &Seen) -> Result<()> {
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
            match asked.await {
                Ok(answer) => {
                    stage.finish(Outcome::Done, words::stopped(&answer));
                    counts = answer.counts;
                }
                Err(error) => stage.finish(
                    Outcome::Done,
                    format!("it is stopped with its VM, for it did not answer: {error:#}"),
                ),
            }
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

    async fn halt(&mut self) -> Result<()> {
        let (cloud, stage) = (&self.run.cloud, self.run.progress.stage("VM"));
        self.stopped.get_or_insert_with(Instant::now);
        stage.note("stopping it");
        let instances = cloud.client.instances(&cloud.zone);
        instances.stop(self.name()).await?.wait().await?;
        stage.finish(Outcome::Done, format!("{} stopped", self.name()));
        Ok(())
    }

    async fn snapshot(&self, intent: &Intent, seen: &Seen) -> Result<()> {
        let disk = seen.disk.as_ref().context("there is no state disk")?;
        let counts = counts(&disk.labels)?;
        let taken = state::snapshot(self.run, state::Why::Change, &counts).await?;
        let named = Intent {
            snapshot: taken.name,
            ..intent.clone()
        };
        self.label(seen, |labels| named.write(labels)).await
    }

    async fn delete(&self, seen: &Seen) -> Result<()> {
        let keeps = seen.scene.vm.as_ref().is_some_and(|vm| vm.keeps_state);
        ensure!(
            keeps,
            "the VM {} would take its state disk with it: `gcloud compute instances \
             set-disk-auto-delete --no-auto-delete` keeps the disk",
            self.name()
        );
        fleet::delete(self.run, None).await.map(drop)
    }

    async fn insert(&self, template: &str) -> Result<()> {
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

    async fn start(&self, seen: &Seen) -> Result<()> {
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

    /// Writes down what runs.
    async fn lock(&self, template: &str) -> Result<()> {
        if let Some(found) = fleet::find_template(self.run, template).await? {
            let image = last::image_of(self.run, &found).await?;
            record(self.run, &image, template);
        }
        Ok(())
    }

    /// What comes of it.
    fn conclude(mut self, end: End, seen: &Seen) -> Result<Replaced> {
        let trouble = self.trouble.take();
        let why = trouble.as_ref().map_or_else(
            || "an earlier run has said why".to_owned(),
            |error| format!("{error:#}"),
        );
        match end {
            End::Done => {
                let report = self.report.context("the gateway did not report")?;
                let template = self.machine.aim.to.clone();
                Ok(Replaced {
                    instance: self.run.deployment.name.to_string(),
                    image: image_of(seen),
                    template,
                    gateway: report.gateway,
                    snapshot: self.snapshot.unwrap_or_default(),
                    downtime_seconds: self.downtime.as_secs(),
                })
            }
            End::PutBack(gate) => Err(PutBack { gate, why }.into()),
            End::Refused(gate, why) => Err(Refused { gate, why }.into()),
            End::LeftAsItIs(gate) => {
                let error = trouble.unwrap_or_else(|| anyhow!("it failed at the gate `{gate}`"));
                Err(error.context("there was no VM before to go back to"))
            }
            End::Stuck(why) => {
                let error = trouble.unwrap_or_else(|| anyhow!("{why}"));
                Err(error.context(words::stuck(&self.run.deployment, &seen.scene)))
            }
        }
    }
}

/// Name of the VM's image.
fn image_of(seen: &Seen) -> String {
    let labels = seen.instance.as_ref().map(|instance| &instance.labels);
    let image = labels.and_then(|labels| labels.get(IMAGE));
    image.cloned().unwrap_or_default()
}

/// A state disk's labels once the rollout is over.
fn unlabelled(labels: &Labels) -> Labels {
    let mut labels = clear(labels);
    labels.remove(COUNTS);
    labels
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

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

/// This run, as others read it on a state disk.
pub(crate) fn me() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().to_lowercase();
    let host: String = host
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &id[..8])
}
