//! Carries a migration out: looks, takes one step, looks again, until there is none left.

use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};
use gce::{Disk, Image, Instance, InstanceTemplate, Kind, Snapshot};

use super::gates::{Between, check, mismatch};
use super::machine::{End, Fault, Machine, Next};
use super::preview::{Preview, preview};
use super::scene::{Copy, Power, Scene};
use super::step::{Side, Step};
use crate::fleet::{self, Adopt, Counts, Report};
use crate::journal::Resource;
use crate::labels::COUNTS;
use crate::progress::Outcome;
use crate::rollout::{self, Gate, PutBack, Refused, RehearsalFailed, me, now};
use crate::run::Run;
use crate::state::{self, Migration};
use crate::vm::{self, Request};

/// More steps than a migration can take, even if others change what it works on.
const STEPS: usize = 64;
/// What a guest needs to stop its gateway, besides what the recipe gives the gateway.
const STOP_MARGIN: Duration = Duration::from_mins(1);
/// Between two looks at a VM.
const POLL: Duration = Duration::from_secs(5);
/// For a VM to be on, off or gone.
const SETTLE: Duration = Duration::from_mins(10);

/// A state that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Migrated {
    /// The new VM.
    pub instance: String,
    /// The new gateway's version, as it says itself; absent where an earlier run has seen it ready.
    pub gateway: Option<String>,
    /// The state as the old gateway left it.
    pub snapshot: Option<String>,
    /// What the old gateway had counted.
    pub counts: Option<String>,
    /// Seconds from the stop of the old gateway until the new one was ready, if this run has seen that.
    pub downtime_seconds: Option<u64>,
}

/// Moves the state, or goes on with a move that was killed. The new VM is made from `image`; each start of a
/// gateway may take `timeout`.
///
/// # Errors
/// [`Refused`] if nothing was changed, [`PutBack`] if the old gateway runs again.
pub async fn migrate(between: &Between, image: &Image, timeout: Duration) -> Result<Migrated> {
    let work = Work::new(between, Some(image), timeout, false);
    if work.look().await?.scene.migration.is_none() {
        check(between).await?;
        // Boxed: the future is too large for the stack.
        let rehearsed = rollout::rehearse_migration(&between.to, &between.from, image);
        Box::pin(rehearsed).await.map_err(refused)?;
    }
    Box::pin(work.drive()).await
}

/// An image that failed its rehearsal has not passed a gate.
fn refused(error: Error) -> Error {
    match error.downcast_ref::<RehearsalFailed>() {
        Some(_) => Refused {
            gate: Gate::Rehearsal,
            why: format!("{error:#}"),
        }
        .into(),
        None => error,
    }
}

/// Goes back: the new VM is deleted, and the old one started on its own state. The new state disk stays.
pub async fn back(between: &Between, timeout: Duration) -> Result<()> {
    let work = Work::new(between, None, timeout, true);
    Box::pin(work.drive()).await.map(drop)
}

/// What [`migrate`] or [`back`] would do.
pub async fn plan(between: &Between, goes_back: bool) -> Result<Preview> {
    let work = Work::new(between, None, Duration::ZERO, goes_back);
    let seen = work.look().await?;
    let fresh = seen.scene.migration.is_none() && !goes_back;
    if fresh {
        check(between).await?;
    }
    let (mut plan, end) = preview(work.machine, seen.scene);
    if let Some(End::Refused(why)) = end {
        let gate = Gate::Turn;
        return Err(Refused { gate, why }.into());
    }
    if fresh {
        plan.steps
            .insert(0, "rehearse it on a clone of the state".into());
    }
    Ok(plan)
}

/// What is there, and the resources that it was read from.
struct Seen {
    scene: Scene,
    old: Option<Instance>,
    disk: Option<Disk>,
    snapshot: Option<Snapshot>,
}

/// A migration that this run carries out.
struct Work<'a> {
    from: &'a Run,
    to: &'a Run,
    between: &'a Between,
    image: Option<&'a Image>,
    timeout: Duration,
    machine: Machine,
    /// When this run stopped the old gateway.
    stopped: Option<Instant>,
    downtime: Option<Duration>,
    report: Option<Report>,
    /// What went wrong last.
    trouble: Option<Error>,
}

impl<'a> Work<'a> {
    fn new(between: &'a Between, image: Option<&'a Image>, timeout: Duration, back: bool) -> Self {
        let Between { from, to } = between;
        let machine = Machine::new(to.deployment.name.to_string(), me(), back);
        Self {
            from,
            to,
            between,
            image,
            timeout,
            machine,
            stopped: None,
            downtime: None,
            report: None,
            trouble: None,
        }
    }

    async fn drive(mut self) -> Result<Migrated> {
        if let Some(why) = mismatch(self.between) {
            let gate = Gate::Check;
            return Err(Refused { gate, why }.into());
        }
        for _ in 0..STEPS {
            let seen = self.look().await?;
            match self.machine.next(&seen.scene) {
                Next::End(end) => return self.conclude(end, &seen),
                Next::Take(step) => match Box::pin(self.take(&step, &seen)).await {
                    Ok(()) => self.machine.succeeded(&seen.scene, &step),
                    Err(error) => {
                        self.machine.failed(&seen.scene, &step, fault(&error));
                        self.trouble = Some(error.context(format!("to {step}")));
                    }
                },
            }
        }
        bail!("others change the VMs and the state disk all the time: try again")
    }

    /// Looks at everything once; the labels last, by whose fingerprint they are changed.
    async fn look(&self) -> Result<Seen> {
        let old = fleet::find(self.from).await?;
        let new = fleet::find(self.to).await?;
        for (run, instance) in [(self.from, &old), (self.to, &new)] {
            if let Some(instance) = instance {
                // A run that died must not take back what is in use.
                fleet::keep(run, instance).await?;
            }
        }
        let copy = state::disk(self.to).await?;
        let snapshots = state::list(self.from).await?;
        let disk = state::disk(self.from).await?;
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
        let power = |vm: &Instance| Power::of(vm.status.as_deref().unwrap_or_default());
        Ok(Seen {
            scene: Scene {
                old: old.as_ref().map(power),
                migration,
                snapshot: snapshot.is_some(),
                copy,
                new: new.as_ref().map(power),
            },
            old,
            disk,
            snapshot,
        })
    }

    async fn take(&mut self, step: &Step, seen: &Seen) -> Result<()> {
        match step {
            Step::Settle(Side::Old) => settle(self.from).await,
            Step::Settle(Side::New) => settle(self.to).await,
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

    async fn set_labels(
        &self,
        disk: &Disk,
        labels: &std::collections::BTreeMap<String, String>,
    ) -> Result<()> {
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
            let run = self.from;
            let stage = run.progress.stage("gateway");
            let seconds = run.deployment.recipe.gateway.stop_seconds.into();
            let patience = Duration::from_secs(seconds) + STOP_MARGIN;
            self.stopped = Some(Instant::now());
            let name = &run.deployment.name;
            match vm::ask(&run.cloud, name, Request::Stop, patience, &stage).await {
                Ok(answer) => {
                    let told = answer.counts.as_ref().map(ToString::to_string);
                    let told = told.map_or("stopped".into(), |it| format!("stopped, with {it}"));
                    stage.finish(Outcome::Done, told);
                    counts = answer.counts;
                }
                Err(error) => stage.finish(
                    Outcome::Done,
                    format!("it is stopped with its VM, for it did not answer: {error:#}"),
                ),
            }
        }
        let migration = Migration {
            stopped: self.stopped.map(|_| now()),
            ..migration.clone()
        };
        self.label(seen, &migration, counts.as_ref()).await
    }

    async fn snapshot(&self, migration: &Migration, seen: &Seen) -> Result<()> {
        let disk = seen.disk.as_ref().context("there is no state disk")?;
        let counts = counts(&disk.labels)?;
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
        let template: InstanceTemplate = fleet::ensure_template(self.to, image).await?;
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
        let labels = seen.disk.as_ref().map(|disk| &disk.labels);
        let before = labels.map(counts).transpose()?.unwrap_or_default();
        rollout::examine(run, &before).await?;
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

    /// What comes of it.
    fn conclude(mut self, end: End, seen: &Seen) -> Result<Migrated> {
        let trouble = self.trouble.take();
        let why = trouble.as_ref().map_or_else(
            || "an earlier run has said why".to_owned(),
            |error| format!("{error:#}"),
        );
        let labels = seen.disk.as_ref().map(|disk| &disk.labels);
        let counted = labels.map(counts).transpose()?.unwrap_or_default();
        let migrated = Migrated {
            instance: self.to.deployment.name.to_string(),
            gateway: self.report.map(|report| report.gateway),
            snapshot: seen.snapshot.as_ref().and_then(|it| it.name.clone()),
            counts: (!counted.is_empty()).then(|| counted.to_string()),
            downtime_seconds: self.downtime.map(|it| it.as_secs()),
        };
        match end {
            End::Done | End::Back => Ok(migrated),
            End::PutBack(gate) => Err(PutBack { gate, why }.into()),
            End::Refused(why) => {
                let gate = Gate::Turn;
                Err(Refused { gate, why }.into())
            }
            End::Stuck => {
                let stuck = "the migration stands still, and everything is kept; `clawbake migrate` goes on with it";
                Err(trouble.unwrap_or_else(|| Error::msg(why)).context(stuck))
            }
        }
    }
}

/// What an error says of a step.
fn fault(error: &Error) -> Fault {
    let kind = error.downcast_ref::<gce::Error>().map(|error| error.kind);
    match rollout::failed_at(error) {
        Some(gate) => Fault::Gate(gate),
        None if kind == Some(Kind::PreconditionFailed) => Fault::Overtaken,
        None => Fault::Other,
    }
}

fn counts(labels: &std::collections::BTreeMap<String, String>) -> Result<Counts> {
    let Some(label) = labels.get(COUNTS) else {
        return Ok(Counts::default());
    };
    let counts = label.parse();
    counts.map_err(|_| anyhow::anyhow!("the label {COUNTS}={label} cannot be read"))
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

/// Waits for what a VM is doing.
async fn settle(run: &Run) -> Result<()> {
    let began = Instant::now();
    let vm = Resource::Instance {
        zone: run.cloud.zone.clone(),
        name: run.deployment.name.to_string(),
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
        "the VM {} is neither on nor off after {} minutes",
        run.deployment.name,
        SETTLE.as_secs() / 60
    )
}
