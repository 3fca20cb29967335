//! What a rollout says (pure).

use std::fmt::Write as _;

use super::gate::{Gate, Refused};
use super::intent::Intent;
use super::scene::{Power, Scene};
use crate::deployment::Deployment;
use crate::fleet::{self, Answer, Phase, Report};

/// A rollout that another run had begun.
pub(super) fn continued(intent: &Intent) -> String {
    format!("to {} goes on at `{}`", intent.to, intent.word.name())
}

/// A gateway that was stopped.
pub(super) fn stopped(answer: &Answer) -> String {
    let how = if answer.killed {
        "killed, for it did not stop in time"
    } else {
        "stopped"
    };
    match answer.counts.as_ref().filter(|counts| !counts.is_empty()) {
        Some(counts) => format!("{how}, with {counts}"),
        None => how.to_owned(),
    }
}

/// Why a VM must be left alone.
pub(super) fn under_way(intent: &Intent) -> Refused {
    Refused {
        gate: Gate::Turn,
        why: format!(
            "a rollout to template {} is under way, which {} has begun: `clawbake recreate` goes on with it",
            intent.to, intent.by
        ),
    }
}

/// Why a gateway that was ready is not what it was, if it is not.
pub(super) fn unsteady(status: &str, first: &Report, now: Option<&Report>) -> Option<String> {
    if status != "RUNNING" {
        return Some(format!("the VM was RUNNING and is {status}"));
    }
    match now {
        None => Some("the VM reports nothing any more".into()),
        Some(report) if report.boot_id != first.boot_id => {
            Some("the VM has booted again by itself".into())
        }
        Some(report) if report.phase != Phase::Ready => {
            let reason = report.reason.as_deref().unwrap_or("it gave no reason");
            Some(format!("it was ready and is {}: {reason}", report.phase))
        }
        Some(_) => None,
    }
}

/// What is there when a rollout stands still, and what to do about it.
pub(super) fn stuck(deployment: &Deployment, scene: &Scene) -> String {
    let (name, disk) = (&deployment.name, fleet::state_disk_name(deployment));
    let mut text = "the rollout stands still, and everything is kept: ".to_owned();
    match scene.vm.as_ref().map(|vm| vm.power) {
        Some(Power::On) => write!(text, "the VM {name} runs, "),
        Some(Power::Off) => write!(text, "the VM {name} is stopped, "),
        Some(Power::Moving) => write!(text, "the VM {name} is on its way, "),
        None => write!(text, "there is no VM {name}, "),
    }
    .expect("writing to a string");
    text += &match scene.disk {
        Some(_) => format!("its state is on disk {disk}"),
        None => format!("its disk {disk} is not there"),
    };
    if let Some(snapshot) = scene.intent().and_then(|it| it.snapshot.as_ref()) {
        text += &format!(", and the state before is in snapshot {snapshot}");
    }
    text += "; `clawbake recreate` goes on, `clawbake logs` shows what the VM says";
    text
}
