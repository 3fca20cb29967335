//! What comes next: a pure function of what is observed, what is wanted, and what this run has done.

use super::gate::Gate;
use super::intent::{Intent, Word};
use super::scene::{Power, Scene};
use super::step::Step;
use crate::fleet::Written;

/// What a rollout is to end in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Aim {
    /// Template of the new VM.
    pub(super) to: String,
    /// The release in its image, where its labels say it.
    pub(super) release: Option<Written>,
    /// Template of the VM that was there last, and the release in it, for a VM that is gone or does not
    /// say what it was made from.
    pub(super) from: Option<(String, Option<Written>)>,
    /// Name of the snapshot whose state the new VM gets.
    pub(super) state: Option<String>,
    /// Seconds since 1970.
    pub(super) now: u64,
    /// Whether the new VM is watched for a while once it is ready.
    pub(super) soak: bool,
}

/// A run of a rollout: its aim, its name, and what it has done so far. None of it outlives the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a run has done, each thing by itself"
)]
pub(super) struct Machine {
    pub(super) aim: Aim,
    /// This run, as other runs see it.
    pub(super) me: String,
    /// Whether the rollout has been this run's.
    mine: bool,
    /// Whether it has created, started or restarted the VM.
    powered: bool,
    /// Whether it has seen the gateway ready.
    ready: bool,
    /// Whether it has seen it stay so.
    soaked: bool,
    /// Where it failed, until that is written.
    turn: Option<Gate>,
    /// How it ended.
    end: Option<End>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Next {
    Take(Step),
    End(End),
}

/// How a run of a rollout ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// The new VM runs.
    Done,
    /// The VM before runs again.
    PutBack(Gate),
    /// Nothing was changed.
    Refused(Gate, String),
    /// There was nothing to go back to: the new VM is left as it is.
    LeftAsItIs(Gate),
    /// What is there is kept as it is; the next run goes on.
    Stuck(String),
}

/// How a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    /// Somebody changed the labels meanwhile.
    Overtaken,
    /// The gateway failed at this gate.
    Gate(Gate),
    /// It shows nothing about the release: the cloud refused, somebody deleted the VM.
    Other,
}

impl Machine {
    pub(super) fn new(aim: Aim, me: String) -> Self {
        Self {
            aim,
            me,
            mine: false,
            powered: false,
            ready: false,
            soaked: false,
            turn: None,
            end: None,
        }
    }

    /// What comes next.
    pub(super) fn next(&self, scene: &Scene) -> Next {
        if let Some(end) = &self.end {
            return Next::End(end.clone());
        }
        let Some(intent) = scene.intent() else {
            return self.first(scene, None);
        };
        if intent.by != self.me {
            return self.meet(scene, intent);
        }
        if let Some(gate) = self.turn.filter(|_| !intent.word.is_back()) {
            return Next::Take(Step::TurnBack(turn_back(scene, intent, gate)));
        }
        if let Some((snapshot, _)) = scene.restoring() {
            let snapshot = snapshot.to_owned();
            let failed = intent.word == Word::Back && !is_before(scene, intent);
            match scene.vm {
                None => return Next::Take(Step::Restore(snapshot)),
                // It goes first.
                Some(_) if failed => {}
                Some(_) => return Next::Take(Step::Forget(snapshot)),
            }
        }
        if scene
            .vm
            .as_ref()
            .is_some_and(|vm| vm.power == Power::Moving)
        {
            return Next::Take(Step::Settle);
        }
        match intent.word {
            Word::Begun => Next::Take(Step::Quiesce(intent.at(Word::Stopped))),
            Word::Stopped => replace(scene, intent),
            Word::Started => self.forward(scene, intent),
            Word::Undo => self.back(scene, intent),
            Word::Back if is_before(scene, intent) => self.back(scene, intent),
            Word::Back => clear_away(scene, intent),
        }
    }

    /// Begins, where that is allowed. `over` is a rollout that has failed and is given up for this one.
    fn first(&self, scene: &Scene, over: Option<&Intent>) -> Next {
        let aim = &self.aim;
        if self.mine {
            let why = match scene.disk {
                Some(_) => "somebody removed the labels of the rollout from the state disk",
                None => "somebody deleted the state disk",
            };
            return Next::End(End::Stuck(why.into()));
        }
        if let (Some((snapshot, _)), Some(_)) = (scene.restoring(), &scene.vm) {
            return Next::Take(Step::Forget(snapshot.to_owned()));
        }
        if let Err((gate, why)) = admit(scene, aim) {
            return Next::End(End::Refused(gate, why));
        }
        let from = match over {
            // The state is the new release's, or the one's before.
            Some(over) if over.word == Word::Back && !is_before(scene, over) => {
                Some(over.to.clone())
            }
            Some(over) => over.from.clone(),
            None => self.before(scene),
        };
        Next::Take(Step::Begin(Intent {
            word: Word::Begun,
            to: aim.to.clone(),
            from,
            snapshot: None,
            state: aim.state.clone(),
            began: aim.now,
            gate: None,
            by: self.me.clone(),
        }))
    }

    /// Template of the VM before. Others may have changed it since this run chose its aim; what could not
    /// read the state is not it.
    fn before(&self, scene: &Scene) -> Option<String> {
        let said = scene.vm.as_ref().and_then(|vm| vm.template.clone());
        let wrote = scene.disk.as_ref().and_then(|disk| disk.written);
        said.or_else(|| {
            let (template, release) = self.aim.from.as_ref()?;
            let reads = release
                .zip(wrote)
                .is_none_or(|(own, other)| own.may_follow(&other));
            reads.then(|| template.clone())
        })
    }

    /// Another run's rollout is continued if it has the same aim. One that has failed makes way for
    /// another aim.
    fn meet(&self, scene: &Scene, intent: &Intent) -> Next {
        let (own, by) = (&self.aim, &intent.by);
        let same = intent.to == own.to && intent.state == own.state;
        if self.mine {
            let why = format!("{by} has taken the rollout over, and goes on with it");
            return Next::End(End::Stuck(why));
        }
        if same {
            // While a restore is under way there may be no disk to write on.
            return Next::Take(match scene.restoring() {
                Some((snapshot, _)) if scene.disk.is_none() => Step::Restore(snapshot.to_owned()),
                _ => Step::TakeOver(Intent {
                    by: self.me.clone(),
                    ..intent.clone()
                }),
            });
        }
        if intent.word.is_back() && scene.restoring().is_none() {
            return self.first(scene, Some(intent));
        }
        Next::End(End::Refused(
            Gate::Turn,
            format!(
                "a rollout to {} is under way, which {by} began: `clawbake recreate` goes on with it",
                intent.to
            ),
        ))
    }

    /// The new VM.
    fn forward(&self, scene: &Scene, intent: &Intent) -> Next {
        let template = &intent.to;
        Next::Take(match &scene.vm {
            None => Step::Insert(template.clone()),
            // A run that was held up for long has created it.
            Some(vm) if vm.is_of_another(template) => Step::Delete,
            Some(vm) if vm.power == Power::Off && !self.powered => Step::Start,
            Some(_) if !self.ready => Step::Watch {
                counts: intent.state.clone().or_else(|| intent.snapshot.clone()),
            },
            Some(_) if self.aim.soak && !self.soaked => Step::Soak,
            Some(_) => Step::Finish {
                template: Some(template.clone()),
                gate: None,
            },
        })
    }

    /// The VM before. One that has stopped its gateway, or has failed, is restarted once.
    fn back(&self, scene: &Scene, intent: &Intent) -> Next {
        let Some(vm) = &scene.vm else {
            return match &intent.from {
                Some(template) if !self.powered => Next::Take(Step::Insert(template.clone())),
                Some(_) => Next::End(End::Stuck("the VM was deleted by somebody".into())),
                None => Next::Take(give_up(intent)),
            };
        };
        let halted = intent.word == Word::Undo || vm.failed || vm.power == Power::Off;
        Next::Take(if halted && !self.powered {
            Step::Start
        } else if self.ready {
            Step::Finish {
                template: intent.from.clone(),
                gate: Some(intent.gate.unwrap_or(Gate::Ready)),
            }
        } else {
            Step::Watch { counts: None }
        })
    }

    /// A step is done.
    pub(super) fn succeeded(&mut self, step: &Step) {
        match step {
            Step::Begin(_) | Step::TakeOver(_) => self.mine = true,
            Step::Insert(_) | Step::Start => self.powered = true,
            Step::Watch { .. } => self.ready = true,
            Step::Soak => self.soaked = true,
            // What comes now is another VM.
            Step::TurnBack(_) => {
                self.turn = None;
                (self.powered, self.ready) = (false, false);
            }
            Step::Finish { gate, .. } => self.end = Some(gate.map_or(End::Done, End::PutBack)),
            Step::GiveUp(gate) => self.end = Some(End::LeftAsItIs(*gate)),
            _ => {}
        }
    }

    /// A step has failed. `why` is for people.
    pub(super) fn failed(&mut self, scene: &Scene, step: &Step, fault: Fault, why: &str) {
        let stuck = || Some(End::Stuck(why.to_owned()));
        let Some(intent) = scene.intent().filter(|_| self.mine) else {
            // Nothing has been changed by this run.
            if fault != Fault::Overtaken {
                self.end = stuck();
            } else if matches!(step, Step::Begin(_)) {
                let why = "somebody else began a rollout at the same moment";
                self.end = Some(End::Refused(Gate::Turn, why.into()));
            }
            return;
        };
        if fault == Fault::Overtaken {
            return;
        }
        let listens = matches!(step, Step::Watch { .. } | Step::Soak);
        let stands = match step {
            // Without a way forward there is none back either: the next run tries again.
            Step::Settle
            | Step::TurnBack(_)
            | Step::Restore(_)
            | Step::Forget(_)
            | Step::Finish { .. } => true,
            _ if intent.word.is_back() => true,
            // It says nothing about the release.
            _ => listens && fault == Fault::Other,
        };
        if stands {
            self.end = stuck();
        } else {
            self.turn = Some(match fault {
                Fault::Gate(gate) => gate,
                _ => step.gate(),
            });
        }
    }
}

/// The way back from where the rollout is: a step that has failed may have been done all the same.
fn turn_back(scene: &Scene, intent: &Intent, gate: Gate) -> Intent {
    let changed = intent.word == Word::Started || is_loaded(scene, intent);
    Intent {
        gate: Some(gate),
        ..intent.at(if changed { Word::Back } else { Word::Undo })
    }
}

/// Whether a rollout may begin.
fn admit(scene: &Scene, aim: &Aim) -> Result<(), (Gate, String)> {
    if scene.restoring().is_some() {
        let why = "its state is being restored: `clawbake state restore` goes on with that";
        return Err((Gate::Turn, why.into()));
    }
    let Some(disk) = &scene.disk else {
        return Err((Gate::State, "there is no state disk".into()));
    };
    if scene.vm.as_ref().is_some_and(|vm| !vm.keeps_state) {
        let why =
            "the VM's state disk would be deleted with it (autoDelete), or is not attached to it";
        return Err((Gate::Kept, why.into()));
    }
    let before = match &aim.state {
        None => disk.written.as_ref(),
        Some(name) => match scene.snapshots.get(name) {
            Some(snapshot) if snapshot.ready => snapshot.written.as_ref(),
            _ => {
                return Err((
                    Gate::State,
                    format!("there is no snapshot {name} that is READY"),
                ));
            }
        },
    };
    match (before, &aim.release) {
        (Some(before), Some(release)) if !release.may_follow(before) => Err((
            Gate::Schema,
            format!(
                "{before} wrote the state, and {release} is older: \
                 `clawbake rollback --with-state` goes back with the state from before"
            ),
        )),
        _ => Ok(()),
    }
}

/// Whether the state is the one that was asked for, in place of the present one.
fn is_loaded(scene: &Scene, intent: &Intent) -> bool {
    let state = intent.state.as_deref();
    state.is_some_and(|state| scene.has(state, intent))
}

/// Whether the state is the one from before, restored, and no other release has been started on it since.
fn is_before(scene: &Scene, intent: &Intent) -> bool {
    let before = intent
        .snapshot
        .as_deref()
        .filter(|it| scene.has(it, intent));
    let before = before.and_then(|it| scene.snapshots.get(it));
    let wrote = scene.disk.as_ref().and_then(|disk| disk.written);
    before.is_some_and(|before| before.written == wrote)
}

/// From the stopped gateway to the moment before the new VM.
fn replace(scene: &Scene, intent: &Intent) -> Next {
    let on = scene.vm.as_ref().is_some_and(|vm| vm.power == Power::On);
    Next::Take(match (&intent.snapshot, &intent.state) {
        _ if on => Step::Halt,
        (None, _) => Step::Snapshot(intent.clone()),
        (Some(snapshot), _) if !scene.has_ready(snapshot) => return lost(snapshot),
        _ if scene.vm.is_some() => Step::Delete,
        (_, Some(state)) if !scene.has(state, intent) => Step::Restore(state.clone()),
        _ => Step::Record(intent.at(Word::Started)),
    })
}

/// From the new VM, which failed, to the state before.
fn clear_away(scene: &Scene, intent: &Intent) -> Next {
    Next::Take(match &intent.snapshot {
        _ if intent.from.is_none() => give_up(intent),
        _ if scene.vm.is_some() => Step::Delete,
        Some(snapshot) if scene.has_ready(snapshot) => Step::Restore(snapshot.clone()),
        snapshot => return lost(snapshot.as_deref().unwrap_or_default()),
    })
}

/// There is nothing to go back to.
fn give_up(intent: &Intent) -> Step {
    Step::GiveUp(intent.gate.unwrap_or(Gate::Ready))
}

fn lost(snapshot: &str) -> Next {
    let why = format!("the snapshot {snapshot} of the state before is gone");
    Next::End(End::Stuck(why))
}
