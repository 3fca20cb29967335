//! What a rollout would do: the machine, on a scene in which everything works (pure).

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

use super::gate::Refused;
use super::intent::Intent;
use super::machine::{Aim, End, Machine, Next};
use super::scene::{Disk, Power, Scene, Snapshot, Vm};
use super::step::Step;

/// More steps than a rollout has.
const STEPS: usize = 32;
/// Stands for the snapshot that will be taken.
const TAKEN: &str = "the snapshot that is taken";

/// The steps of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Preview {
    /// One line each.
    pub steps: Vec<String>,
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (number, step) in (1..).zip(&self.steps) {
            write!(f, "{comma}{number:>2}. {step}")?;
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
    };
    match step {
        Step::Begin(it)
        | Step::TakeOver(it)
        | Step::Quiesce(it)
        | Step::Record(it)
        | Step::TurnBack(it) => write(scene, Some(it.clone())),
        Step::Settle | Step::Halt => {
            if let Some(vm) = &mut scene.vm {
                vm.power = Power::Off;
            }
        }
        Step::Snapshot(it) => {
            let disk = scene.disk.as_ref();
            let snapshot = Snapshot {
                id: u64::MAX,
                of: disk.map(|disk| disk.id),
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
        });
    }
}
