//! The steps that a migration is going to take (pure).

use std::fmt;

use super::machine::{End, Machine, Next};
use super::scene::{Copy, Power, Scene};
use super::step::{Side, Step};
use crate::state::Migration;

/// More than there can be.
const STEPS: usize = 32;

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The steps, in words.
    pub steps: Vec<String>,
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            write!(f, "{line}{}. {step}", index + 1)?;
        }
        Ok(())
    }
}

/// The steps from here, and where they lead.
pub(super) fn preview(mut machine: Machine, mut scene: Scene) -> (Preview, Option<End>) {
    let mut steps = Vec::new();
    while steps.len() < STEPS {
        match machine.next(&scene) {
            Next::End(end) => return (Preview { steps }, Some(end)),
            Next::Take(step) => {
                steps.push(step.to_string());
                machine.succeeded(&scene, &step);
                effect(&mut scene, &step);
            }
        }
    }
    (Preview { steps }, None)
}

/// What a step makes of a scene.
pub(super) fn effect(scene: &mut Scene, step: &Step) {
    let write = |it: &Migration| Some(it.clone());
    match step {
        Step::Settle(Side::Old) | Step::Halt => {
            scene.old = scene.old.map(|_| Power::Off);
        }
        Step::Settle(Side::New) => scene.new = scene.new.map(|_| Power::Off),
        Step::Begin(it)
        | Step::TakeOver(it)
        | Step::Quiesce(it)
        | Step::Finish(it)
        | Step::TurnBack(it) => scene.migration = write(it),
        Step::Snapshot(it) => {
            scene.migration = Some(Migration {
                snapshot: Some("taken".into()),
                ..it.clone()
            });
            scene.snapshot = true;
        }
        Step::Copy => scene.copy = Copy::Own,
        Step::Insert => scene.new = Some(Power::On),
        Step::Drop => scene.new = None,
        Step::Watch | Step::Check => {}
        Step::Discard { copy } => {
            scene.new = None;
            if *copy {
                scene.copy = Copy::None;
            }
        }
        Step::Return => scene.old = Some(Power::On),
        Step::Forget => scene.migration = None,
    }
}
