//! Carries a rollout out: looks, takes one step, looks again, until there is none left.

use std::time::{Duration, Instant};

use anyhow::{Error, Result, bail};

use super::aim::Aim;
use super::fault::fault;
use super::gate::Gate;
use super::intent::Labels;
use super::machine::Machine;
use super::next::Next;
use super::observe::Seen;
use super::replaced::Replaced;
use super::step::Step;
use super::words;
use crate::fleet::{self, Report};
use crate::progress::Outcome;
use crate::run::Run;
use crate::state;

/// More steps than a rollout can take, even if others change what it works on.
const STEPS: usize = 64;
/// Between two looks at a VM.
pub(super) const POLL: Duration = Duration::from_secs(5);

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
    pub(super) fn new(run: &'a Run, aim: Aim, me: String, patience: Patience) -> Self {
        Self {
            run,
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
            Step::Settle => fleet::settle(self.run).await,
            Step::Begin(it) => {
                let stage = self.run.progress.stage(self.machine.aim.why.to_string());
                self.label(seen, |labels| it.write(labels)).await?;
                stage.finish(Outcome::Done, format!("to {}", it.to));
                Ok(())
            }
            Step::TakeOver(it) => {
                let stage = self.run.progress.stage(self.machine.aim.why.to_string());
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
            Step::Renew(it) => {
                let stage = self.run.progress.stage("snapshot");
                self.label(seen, |labels| it.write(labels)).await?;
                let why = "the VM has run since: another one is taken";
                stage.finish(Outcome::Done, why);
                Ok(())
            }
            Step::Finish { template, gate } => self.finish(template.as_deref(), *gate, seen).await,
            Step::GiveUp(_) => self.unlabel(seen).await,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.run.deployment.name
    }
}
