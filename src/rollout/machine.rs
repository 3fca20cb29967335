//! What comes next: a pure function of what is observed, what is wanted, and what this run has done.

use super::admit::admit;
use super::aim::Aim;
use super::fault::Fault;
use super::gate::Gate;
use super::intent::{Intent, Word};
use super::next::{End, Next};
use super::scene::{Power, Scene};
use super::step::Step;
use super::way::{clear_away, give_up, is_before, replace, turn_back};
use crate::fleet::SUSPENDED;

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

    /// Whether its end is decided, and nothing comes any more.
    #[cfg(test)]
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
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
        match scene.vm.as_ref().map(|vm| vm.power) {
            Some(Power::Moving) => return Next::Take(Step::Settle),
            Some(Power::Suspended) => return Next::End(End::Stuck(SUSPENDED.into())),
            Some(Power::On | Power::Off) | None => {}
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
            why: aim.why,
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
                    why: own.why.over(intent.why),
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
