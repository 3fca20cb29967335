//! What a rollout would do: the machine, on a scene in which everything works (pure).

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

use super::aim::Aim;
use super::gate::Refused;
use super::intent::Intent;
use super::machine::Machine;
use super::next::{End, Next};
use super::scene::{Disk, Power, Scene, Snapshot, Vm};
use super::step::Step;

/// More steps than a rollout has.
const STEPS: usize = 32;
/// Stands for the snapshot that will be taken.
const TAKEN: &str = "the snapshot that is taken";

/// The steps of a rollout.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Preview {
    /// One line each.
    pub steps: Vec<String>,
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (number, step) in (1..).zip(&self.steps) {
            write!(f, "{comma}{number}. {step}")?;
            comma = "\n";
        }
        Ok(())
    }
}

/// The steps from here on.
pub(super) fn preview(scene: &Scene, aim: Aim) -> Result<Preview> {
    let (mut scene, mut steps) = (scene.clone(), Vec::new());
    let me = scene.intent().map_or("me", |intent| &intent.by).to_owned();
    let mut machine = Machine::new(aim, me);
    for _ in 0..STEPS {
        match machine.next(&scene) {
            Next::Take(step) => {
                after(&mut scene, &step);
                machine.succeeded(&step);
                steps.push(step.to_string());
            }
            Next::End(End::Refused(gate, why)) => return Err(Refused { gate, why }.into()),
            Next::End(End::Stuck(why)) => bail!(why),
            Next::End(_) => break,
        }
    }
    Ok(Preview { steps })
}

/// The scene once a step has worked.
fn after(scene: &mut Scene, step: &Step) {
    let on = |template: Option<String>| Vm {
        power: Power::On,
        keeps_state: true,
        failed: false,
        template,
        moved: None,
    };
    match step {
        Step::Begin(it)
        | Step::TakeOver(it)
        | Step::Quiesce(it)
        | Step::Record(it)
        | Step::Renew(it)
        | Step::TurnBack(it) => write(scene, Some(it.clone())),
        Step::Settle | Step::Halt => {
            if let Some(vm) = &mut scene.vm {
                (vm.power, vm.moved) = (Power::Off, None);
            }
        }
        Step::Snapshot(it) => {
            let disk = scene.disk.as_ref();
            let snapshot = Snapshot {
                id: u64::MAX,
                of: disk.map(|disk| disk.id),
                taken: None,
                ready: true,
                written: disk.and_then(|disk| disk.written),
                restoring: None,
            };
            scene.snapshots.insert(TAKEN.into(), snapshot);
            write(
                scene,
                Some(Intent {
                    snapshot: Some(TAKEN.into()),
                    ..it.clone()
                }),
            );
        }
        Step::Delete => scene.vm = None,
        Step::Restore(name) => restore(scene, name),
        Step::Forget(name) => {
            if let Some(snapshot) = scene.snapshots.get_mut(name) {
                snapshot.restoring = None;
            }
        }
        Step::Insert(template) => scene.vm = Some(on(Some(template.clone()))),
        Step::Start => scene.vm = Some(on(None)),
        Step::Watch { .. } | Step::Soak => {}
        Step::Finish { .. } | Step::GiveUp(_) => write(scene, None),
    }
}

fn write(scene: &mut Scene, intent: Option<Intent>) {
    if let Some(disk) = &mut scene.disk {
        disk.intent = intent;
    }
}

fn restore(scene: &mut Scene, name: &str) {
    let intent = scene.intent().cloned();
    for snapshot in scene.snapshots.values_mut() {
        snapshot.restoring = None;
    }
    if let Some(snapshot) = scene.snapshots.get(name) {
        let newest = scene.snapshots.values().map(|it| it.of.unwrap_or_default());
        let old = scene.disk.as_ref().map_or(0, |disk| disk.id);
        scene.disk = Some(Disk {
            id: newest.max().unwrap_or_default().max(old).wrapping_add(1),
            source: Some(snapshot.id),
            intent,
            written: snapshot.written,
            attached: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::gate::Gate;
    use super::super::intent::Word;
    use super::super::why::Why;
    use super::*;

    fn scene(vm: bool) -> Scene {
        let archive = Snapshot {
            id: 2,
            of: Some(1),
            taken: None,
            ready: true,
            written: None,
            restoring: None,
        };
        Scene {
            vm: vm.then(|| Vm {
                power: Power::On,
                keeps_state: true,
                failed: false,
                template: Some("t-1".into()),
                moved: None,
            }),
            disk: Some(Disk {
                id: 1,
                source: None,
                intent: None,
                written: None,
                attached: None,
            }),
            snapshots: [("archive".to_owned(), archive)].into(),
        }
    }

    fn steps(scene: &Scene, state: Option<&str>, soak: bool) -> String {
        let aim = Aim {
            to: "t-2".into(),
            release: None,
            from: None,
            why: Why::Recreate,
            state: state.map(Into::into),
            now: 0,
            soak,
        };
        preview(scene, aim).unwrap().to_string()
    }

    #[test]
    fn the_steps_are_those_that_will_be_taken() {
        assert_eq!(
            steps(&scene(true), None, true),
            "1. begin: to template t-2\n\
             2. stop the gateway, if it runs\n\
             3. stop the VM\n\
             4. put the stopped state into a snapshot\n\
             5. delete the VM, keep its state disk\n\
             6. record on the state disk that t-2 writes it\n\
             7. create the VM from template t-2\n\
             8. wait until its gateway is ready and has all of its state\n\
             9. watch that it stays ready\n\
             10. write down what runs"
        );
        assert_eq!(
            steps(&scene(false), Some("archive"), false),
            "1. begin: to template t-2\n\
             2. stop the gateway, if it runs\n\
             3. put the stopped state into a snapshot\n\
             4. make the state disk again from snapshot archive\n\
             5. record on the state disk that t-2 writes it\n\
             6. create the VM from template t-2\n\
             7. wait until its gateway is ready and has all of its state\n\
             8. write down what runs"
        );
    }

    #[test]
    fn one_that_is_under_way_shows_the_rest() {
        let mut scene = scene(false);
        let intent = Intent {
            word: Word::Back,
            to: "t-2".into(),
            from: Some("t-1".into()),
            snapshot: Some("archive".into()),
            state: None,
            began: 0,
            gate: Some(Gate::Counts),
            by: "other".into(),
            why: Why::Recreate,
        };
        scene.disk.as_mut().unwrap().intent = Some(intent);
        assert_eq!(
            steps(&scene, None, false),
            "1. make the state disk again from snapshot archive\n\
             2. create the VM from template t-1\n\
             3. wait until its gateway is ready\n\
             4. write down what runs"
        );
    }

    #[test]
    fn a_vm_that_would_take_its_state_along_is_refused() {
        let mut scene = scene(true);
        scene.vm.as_mut().unwrap().keeps_state = false;
        let aim = Aim {
            to: "t-2".into(),
            release: None,
            from: None,
            why: Why::Recreate,
            state: None,
            now: 0,
            soak: false,
        };
        let refused: Refused = preview(&scene, aim).unwrap_err().downcast().unwrap();
        assert_eq!(refused.gate, Gate::Kept);
    }
}
