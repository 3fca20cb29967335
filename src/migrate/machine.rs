//! Decides on the next step of a migration (pure).

use super::scene::{Copy, Power, Scene};
use super::step::{Side, Step};
use crate::fleet::SUSPENDED;
use crate::rollout::Gate;
use crate::state::{Migration, Word};

/// How often a step on the way back, or the last one, is tried.
const TRIES: u32 = 3;
/// Why it stands still where no step has said so.
const AGAIN: &str = "a step fails again and again";

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Take(Step),
    End(End),
}

/// How a migration ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The new gateway has taken over.
    Done,
    /// It failed at the gate, and the gateway before is back.
    PutBack(Gate),
    /// Somebody wanted the gateway before back.
    Back,
    /// Nothing was changed by this run.
    Refused(String),
    /// It stands still, for this reason; the next run goes on.
    Stuck(&'static str),
}

/// What an error says of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Somebody else changed the migration's labels meanwhile.
    Overtaken,
    /// The new gateway does not pass this gate.
    Gate(Gate),
    /// Anything else.
    Other,
}

/// One run of a migration: what it is for, and what it has seen itself.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing that this run has seen or not"
)]
pub(super) struct Machine {
    /// The deployment that takes over.
    pub(super) to: String,
    /// This run.
    pub(super) me: String,
    /// Whether it goes back.
    pub(super) back: bool,
    /// Whether this run has written on the disk.
    pub(super) began: bool,
    /// Whether it has seen the new gateway ready and whole.
    pub(super) watched: bool,
    /// Whether it has started the old VM, and seen it ready.
    pub(super) returned: bool,
    pub(super) checked: bool,
    /// The gate at which it failed.
    pub(super) failed: Option<Gate>,
    /// Failures on the way back.
    pub(super) tries: u32,
    /// How it ended.
    pub(super) over: Option<End>,
}

impl Machine {
    pub(super) fn new(to: String, me: String, back: bool) -> Self {
        Self {
            to,
            me,
            back,
            began: false,
            watched: false,
            returned: false,
            checked: false,
            failed: None,
            tries: 0,
            over: None,
        }
    }

    /// The next step.
    pub(super) fn next(&self, scene: &Scene) -> Next {
        if let Some(end) = &self.over {
            return Next::End(end.clone());
        }
        let Some(migration) = &scene.migration else {
            return self.begin(scene);
        };
        if migration.to != self.to {
            let to = &migration.to;
            return refused(format!("the deployment {to} takes this state over"));
        }
        if migration.word == Word::Done && !self.back {
            return Next::End(End::Done);
        }
        if migration.by != self.me {
            if self.began {
                return refused(format!("{} goes on with it meanwhile", migration.by));
            }
            return Next::Take(Step::TakeOver(Migration {
                by: self.me.clone(),
                ..migration.clone()
            }));
        }
        if migration.word == Word::Back {
            return self.go_back(scene, migration);
        }
        if self.back {
            return turn_back(migration, None);
        }
        if let Some(gate) = self.failed {
            return turn_back(migration, Some(gate));
        }
        match migration.word {
            Word::Begun => Next::Take(Step::Quiesce(with(migration, Word::Stopped))),
            Word::Stopped => match scene.old {
                Some(Power::On) => Next::Take(Step::Halt),
                Some(Power::Moving) => Next::Take(Step::Settle(Side::Old)),
                Some(Power::Suspended) => suspended(),
                Some(Power::Off) | None => {
                    Next::Take(Step::Snapshot(with(migration, Word::Copied)))
                }
            },
            Word::Copied | Word::Done | Word::Back => self.go_on(scene, migration),
        }
    }

    fn begin(&self, scene: &Scene) -> Next {
        if self.back {
            return refused(
                "nothing has been taken over, so there is nothing to go back from".into(),
            );
        }
        if scene.copy != Copy::None || scene.new.is_some() {
            return refused(format!(
                "the deployment {} has a VM or a state disk already, which would be in the way",
                self.to
            ));
        }
        match scene.old {
            Some(Power::Moving) => return Next::Take(Step::Settle(Side::Old)),
            Some(Power::Suspended) => return refused(SUSPENDED.into()),
            Some(Power::On | Power::Off) | None => {}
        }
        Next::Take(Step::Begin(Migration {
            word: Word::Begun,
            to: self.to.clone(),
            by: self.me.clone(),
            was_on: scene.old == Some(Power::On),
            stopped: None,
            snapshot: None,
            gate: None,
        }))
    }

    fn go_on(&self, scene: &Scene, migration: &Migration) -> Next {
        match scene.old {
            // What it writes now, or has written, would be lost.
            Some(Power::On) => return turn_back(migration, Some(Gate::Turn)),
            Some(Power::Moving) => return Next::Take(Step::Settle(Side::Old)),
            Some(Power::Suspended) => return suspended(),
            Some(Power::Off) if scene.late => return turn_back(migration, Some(Gate::Turn)),
            Some(Power::Off) | None => {}
        }
        if scene.new == Some(Power::Moving) {
            return Next::Take(Step::Settle(Side::New));
        }
        match scene.copy {
            Copy::None if scene.new.is_some() => return Next::Take(Step::Drop),
            Copy::None if scene.snapshot => return Next::Take(Step::Copy),
            Copy::None => return turn_back(migration, Some(Gate::Snapshot)),
            Copy::Other => return turn_back(migration, Some(Gate::State)),
            Copy::Own => {}
        }
        Next::Take(match scene.new {
            None => Step::Insert,
            Some(Power::On) if self.watched => Step::Finish(with(migration, Word::Done)),
            Some(Power::On) => Step::Watch,
            Some(_) => Step::Drop,
        })
    }

    fn go_back(&self, scene: &Scene, migration: &Migration) -> Next {
        if scene.new == Some(Power::Moving) {
            return Next::Take(Step::Settle(Side::New));
        }
        // What a gateway has written that had taken over is for its owner to delete.
        let copy = scene.copy == Copy::Own && migration.gate.is_some();
        if scene.new.is_some() || copy {
            return Next::Take(Step::Discard { copy });
        }
        if !migration.was_on || self.checked {
            return Next::Take(Step::Forget);
        }
        Next::Take(match scene.old {
            None => Step::Forget,
            Some(Power::Moving) => Step::Settle(Side::Old),
            Some(Power::On) if self.returned => Step::Check,
            // Its gateway may have been stopped within it.
            Some(Power::On) => Step::Halt,
            Some(Power::Off) => Step::Return,
            Some(Power::Suspended) => return suspended(),
        })
    }

    /// Notes that a step was taken.
    pub(super) fn succeeded(&mut self, scene: &Scene, step: &Step) {
        match step {
            Step::Begin(_) | Step::TakeOver(_) => self.began = true,
            Step::Watch => self.watched = true,
            Step::Insert => self.watched = false,
            Step::Return => self.returned = true,
            Step::Check => self.checked = true,
            Step::Forget => {
                let gate = scene.migration.as_ref().and_then(|it| it.gate.as_deref());
                let end = match gate {
                    Some(gate) => End::PutBack(Gate::named(gate).unwrap_or(Gate::Ready)),
                    None => End::Back,
                };
                self.over = Some(end);
            }
            _ => {}
        }
    }

    /// Notes that a step failed.
    pub(super) fn failed(&mut self, scene: &Scene, step: &Step, fault: Fault) {
        if fault == Fault::Overtaken {
            let why = "somebody else changed the labels of the state disk at the same moment";
            self.over = Some(End::Refused(why.into()));
            return;
        }
        let word = scene.migration.as_ref().map(|it| it.word);
        let forward = matches!(word, Some(Word::Begun | Word::Stopped | Word::Copied));
        match step {
            Step::Begin(_) | Step::TakeOver(_) => self.over = Some(End::Stuck(AGAIN)),
            Step::Finish(_) | Step::TurnBack(_) => self.try_again(),
            _ if forward => {
                self.failed = Some(match fault {
                    Fault::Gate(gate) => gate,
                    _ => step.gate(),
                });
            }
            _ => self.try_again(),
        }
    }

    fn try_again(&mut self) {
        // The old VM is started anew before it is looked at again.
        self.returned = false;
        self.tries += 1;
        if self.tries >= TRIES {
            self.over = Some(End::Stuck(AGAIN));
        }
    }
}

fn refused(why: String) -> Next {
    Next::End(End::Refused(why))
}

/// It can neither be copied nor started.
fn suspended() -> Next {
    Next::End(End::Stuck(SUSPENDED))
}

fn with(migration: &Migration, word: Word) -> Migration {
    Migration {
        word,
        ..migration.clone()
    }
}

fn turn_back(migration: &Migration, gate: Option<Gate>) -> Next {
    Next::Take(Step::TurnBack(Migration {
        gate: gate.map(|gate| gate.name().to_owned()),
        ..with(migration, Word::Back)
    }))
}
