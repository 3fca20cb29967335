//! A run of a rollout in the model: it looks, decides, and makes one call at a time.

use super::super::aim::Aim;
use super::super::fault::Fault;
use super::super::finish::turn;
use super::super::gate::Gate;
use super::super::machine::Machine;
use super::super::next::{End, Next};
use super::super::scene::Power::{On, Suspended};
use super::super::scene::Scene;
use super::super::step::Step;
use super::super::why::Why;
use super::cloud::{Answer, Call, Cloud, release};

/// Calls of a restore, without others that restore too.
const RESTORE: usize = 6;

/// Restores that a run begins at most: others may undo them, and every run has an end.
const RESTORES: usize = 3;

/// What a verb asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    pub(super) to: &'static str,
    pub(super) why: Why,
    pub(super) state: Option<&'static str>,
    pub(super) soak: bool,
    /// Whether anybody knows the template of the VM before.
    pub(super) knows: bool,
}

/// What happens at a call, or instead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Event {
    Works,
    /// It fails and changes nothing.
    Fails,
    /// It changes something, and its answer is lost.
    LosesAnswer,
    /// It only begins something, and the run is killed.
    KilledMidway,
    KilledBefore,
    KilledAfter,
    /// The gateway fails.
    Bad,
    /// Somebody deletes the VM.
    Gone,
    /// Somebody starts it.
    Started,
    /// Somebody suspends it, and wakes it up when a run has said so.
    Suspended,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(
    clippy::large_enum_variant,
    reason = "most of the time it is the large one"
)]
enum At {
    Look,
    Do {
        scene: Scene,
        fingerprint: u64,
        step: Step,
        /// Calls made so far.
        made: usize,
        /// The disk that this restore has saved.
        saved: Option<u64>,
        /// The snapshot that it has taken.
        taken: Option<String>,
    },
    Ended(End),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Driver {
    machine: Machine,
    at: At,
    /// Restores that it has begun.
    restores: usize,
}

/// What the driver does next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Turn {
    Look,
    Call(Call),
    /// Waits for the gateway, or watches it.
    Listen,
    Ended(End),
}

impl Driver {
    /// A run of the verb, as it finds the cloud.
    pub(super) fn begin(wish: &Wish, cloud: &Cloud, me: usize) -> Self {
        let scene = cloud.scene();
        // `recreate` goes on with what is under way.
        let (to, state, why) = match scene.intent() {
            Some(intent) => (intent.to.clone(), intent.state.clone(), Why::Recreate),
            None => (wish.to.to_owned(), wish.state.map(str::to_owned), wish.why),
        };
        let from = cloud.lock.clone();
        let aim = Aim {
            release: Some(release(&to)),
            to,
            from: wish.knows.then(|| (from.clone(), Some(release(&from)))),
            why,
            state,
            now: 0,
            soak: wish.soak,
        };
        Self {
            machine: Machine::new(aim, format!("run-{me}")),
            at: At::Look,
            restores: 0,
        }
    }

    /// A run of a verb that finds its work done.
    pub(super) fn done(wish: &Wish, cloud: &Cloud, me: usize) -> Self {
        Self {
            at: At::Ended(End::Done),
            ..Self::begin(wish, cloud, me)
        }
    }

    /// Whether nothing comes any more but its report.
    pub(super) fn has_ended(&self) -> bool {
        self.machine.has_ended()
    }

    pub(super) fn turn(&self, cloud: &Cloud) -> Turn {
        match &self.at {
            At::Look => Turn::Look,
            At::Ended(end) => Turn::Ended(end.clone()),
            At::Do { step, .. } => match step {
                Step::Watch { .. } | Step::Soak => Turn::Listen,
                _ => Turn::Call(self.call(cloud)),
            },
        }
    }

    /// The next call of the step.
    fn call(&self, cloud: &Cloud) -> Call {
        let At::Do {
            fingerprint,
            step,
            made,
            saved,
            taken,
            scene,
        } = &self.at
        else {
            unreachable!()
        };
        let label = |intent, written| Call::Label {
            fingerprint: *fingerprint,
            intent,
            written,
        };
        match (step, made) {
            (Step::Settle, _) => Call::Wait,
            (Step::Begin(it) | Step::TakeOver(it) | Step::TurnBack(it) | Step::Renew(it), _) => {
                label(Some(it.clone()), None)
            }
            (Step::Quiesce(_), 0) => Call::Ask,
            (Step::Quiesce(it), _) => label(Some(it.clone()), None),
            (Step::Halt, _) => Call::Stop,
            (Step::Snapshot(_), 0) => Call::Copy(cloud.next_name()),
            (Step::Snapshot(it), _) => {
                let mut it = it.clone();
                it.snapshot.clone_from(taken);
                label(Some(it), None)
            }
            (Step::Forget(name), _) => Call::Unmark(name.clone()),
            (Step::Delete, _) => Call::Delete,
            (Step::Record(it), _) => label(Some(it.clone()), Some(release(&it.to))),
            (Step::Insert(template), _) => Call::Insert(template.clone()),
            (Step::Start, 0) if scene.vm.as_ref().is_some_and(|vm| vm.power == On) => Call::Stop,
            (Step::Start, _) => Call::Start,
            (Step::Finish { template, gate }, made) => {
                let mut calls = ends(scene, template.as_ref(), *gate).into_iter();
                calls.nth(*made).unwrap_or_else(|| label(None, None))
            }
            (Step::GiveUp(_), _) => label(None, None),
            // Two that restore at the same time do not do so for ever.
            (Step::Restore(_), RESTORE..) => Call::InUse,
            (Step::Restore(snapshot), _) => restore(cloud, snapshot, *saved),
            (Step::Watch { .. } | Step::Soak, _) => unreachable!(),
        }
    }

    /// Whether the step is done after the call that was just made.
    fn is_last(step: &Step, scene: &Scene, made: usize, call: &Call) -> bool {
        match step {
            Step::Quiesce(_) | Step::Snapshot(_) => made == 2,
            Step::Start => {
                let on = scene.vm.as_ref().is_some_and(|vm| vm.power == On);
                made == if on { 2 } else { 1 }
            }
            Step::Finish { .. } => matches!(call, Call::Label { .. }),
            Step::Restore(_) => matches!(call, Call::Unmark(_)),
            _ => true,
        }
    }

    /// Takes one turn; `None` if it is killed.
    pub(super) fn take(&mut self, cloud: &mut Cloud, event: Event) -> Option<()> {
        match self.turn(cloud) {
            Turn::Ended(_) => {}
            Turn::Look => {
                match event {
                    Event::Started => cloud.start(),
                    Event::Suspended => cloud.vm.as_mut()?.power = Suspended,
                    _ => {}
                }
                let scene = cloud.scene();
                let next = self.machine.next(&scene);
                self.restores += usize::from(matches!(next, Next::Take(Step::Restore(_))));
                self.at = match next {
                    _ if self.restores > RESTORES => At::Ended(End::Stuck("others".into())),
                    Next::End(end) => At::Ended(end),
                    Next::Take(step) => At::Do {
                        fingerprint: cloud.fingerprint(),
                        scene,
                        step,
                        made: 0,
                        saved: None,
                        taken: None,
                    },
                };
            }
            Turn::Listen => self.listen(cloud, event)?,
            Turn::Call(call) => self.make(cloud, &call, event)?,
        }
        Some(())
    }

    fn listen(&mut self, cloud: &mut Cloud, event: Event) -> Option<()> {
        let fault = match event {
            Event::KilledBefore | Event::KilledAfter | Event::KilledMidway => return None,
            Event::Bad => {
                if let Some(vm) = &mut cloud.vm {
                    vm.failed = true;
                }
                Some(Fault::Gate(Gate::Ready))
            }
            Event::Gone => {
                cloud.vm = None;
                Some(Fault::Other)
            }
            Event::Fails | Event::LosesAnswer => Some(Fault::Other),
            Event::Started | Event::Suspended => unreachable!(),
            Event::Works if cloud.vm.as_ref().is_none_or(|vm| vm.power != On) => Some(Fault::Other),
            Event::Works => None,
        };
        self.end(fault);
        Some(())
    }

    fn make(&mut self, cloud: &mut Cloud, call: &Call, event: Event) -> Option<()> {
        let answer = match event {
            Event::KilledBefore => return None,
            Event::Fails => Answer::Refused,
            Event::KilledMidway => {
                cloud.begin(call);
                return None;
            }
            Event::Started => {
                cloud.start();
                cloud.apply(call)
            }
            _ => cloud.apply(call),
        };
        if event == Event::KilledAfter {
            return None;
        }
        let lost = event == Event::LosesAnswer || event == Event::Fails;
        let At::Do {
            step,
            made,
            saved,
            taken,
            scene,
            ..
        } = &mut self.at
        else {
            unreachable!()
        };
        *made += 1;
        if let (Answer::Done, Call::Copy(name)) = (answer, call) {
            *saved = cloud.copies.get(name).map(|copy| copy.of);
            *taken = Some(name.clone());
        }
        // A guest that does not answer keeps nobody from going on.
        let ignored = *call == Call::Ask;
        match answer {
            Answer::Stale => self.end(Some(Fault::Overtaken)),
            _ if (lost || answer == Answer::Refused) && !ignored => self.end(Some(Fault::Other)),
            _ if Self::is_last(step, scene, *made, call) => self.end(None),
            _ => {}
        }
        Some(())
    }

    /// The step has ended.
    fn end(&mut self, fault: Option<Fault>) {
        let At::Do { scene, step, .. } = std::mem::replace(&mut self.at, At::Look) else {
            unreachable!()
        };
        match fault {
            None => self.machine.succeeded(&step),
            Some(fault) => self.machine.failed(&scene, &step, fault, "trouble"),
        }
    }
}

/// What is written down at the end, before the labels.
fn ends(scene: &Scene, template: Option<&String>, gate: Option<Gate>) -> Vec<Call> {
    let Some(template) = template else {
        return Vec::new();
    };
    let turns = scene.intent().and_then(|intent| turn(intent, gate));
    let family = turns.map(|_| Call::Family(template.clone()));
    let lock = Call::Lock(template.clone());
    family.into_iter().chain([lock]).collect()
}

/// The next call of `state::restore`: see the drawing in its steps.
fn restore(cloud: &Cloud, chosen: &str, saved: Option<u64>) -> Call {
    let name = chosen.to_owned();
    let Some(copy) = cloud.copies.get(chosen) else {
        return Call::Unmark(name);
    };
    let mut others = cloud.copies.iter().filter(|(other, _)| *other != chosen);
    let other = others.find(|(_, it)| it.mark.is_some());
    let release = other.map(|(other, _)| Call::Release(other.clone()));
    let Some(disk) = &cloud.disk else {
        return match copy.mark {
            None => Call::Mark(name),
            Some(_) => release.unwrap_or(Call::MakeDisk(name)),
        };
    };
    let over = copy.mark.as_ref().map(|mark| mark.over);
    if disk.source == Some(copy.id) && over.is_some_and(|over| over != Some(disk.id)) {
        Call::Unmark(name)
    } else if cloud.vm.is_some() {
        Call::InUse
    } else if saved != Some(disk.id) {
        Call::Copy(cloud.next_name())
    } else if over != Some(Some(disk.id)) {
        Call::Mark(name)
    } else {
        release.unwrap_or(Call::DeleteDisk)
    }
}
