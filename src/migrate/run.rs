//! Carries a migration out: looks, takes one step, looks again, until there is none left.

use std::time::{Duration, Instant};

use anyhow::{Error, Result, bail};
use gce::{Image, Kind};

use super::gates::{Between, check, mismatch};
use super::machine::{End, Fault, Machine, Next};
use super::observe::Seen;
use super::preview::{Preview, preview};
use crate::fleet::Report;
use crate::rollout::{self, Gate, PutBack, Refused, RehearsalFailed, me};
use crate::run::Run;

/// More steps than a migration can take, even if others change what it works on.
const STEPS: usize = 64;

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
    if Seen::look(between).await?.scene.migration.is_none() {
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
    let seen = Seen::look(between).await?;
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

/// A migration that this run carries out.
pub(super) struct Work<'a> {
    pub(super) from: &'a Run,
    pub(super) to: &'a Run,
    between: &'a Between,
    pub(super) image: Option<&'a Image>,
    pub(super) timeout: Duration,
    machine: Machine,
    /// When this run stopped the old gateway.
    pub(super) stopped: Option<Instant>,
    pub(super) downtime: Option<Duration>,
    pub(super) report: Option<Report>,
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
            let seen = Seen::look(self.between).await?;
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

    /// What comes of it.
    fn conclude(mut self, end: End, seen: &Seen) -> Result<Migrated> {
        let trouble = self.trouble.take();
        let why = trouble.as_ref().map_or_else(
            || "an earlier run has said why".to_owned(),
            |error| format!("{error:#}"),
        );
        let counted = seen.counts()?;
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
            End::Stuck(why) => {
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
