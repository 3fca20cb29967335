//! What a rollout says (pure).

use std::fmt::Write as _;

use gce::Snapshot;
use jiff::Timestamp;

use super::gate::{Gate, Refused};
use super::intent::Intent;
use super::scene::{Power, Scene};
use crate::deployment::Deployment;
use crate::fleet::{self, Phase, Report};
use crate::state::{self, Migration};

/// A rollout that another run had begun.
pub(super) fn continued(intent: &Intent) -> String {
    format!("to {} goes on at `{}`", intent.to, intent.word.name())
}

/// How long ago something was, in its two largest units.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(then).as_secs().max(0) / 60;
    let (days, hours) = (minutes / (24 * 60), minutes / 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} days {} h", hours % 24),
    }
}

/// What to do where there is no state to keep. `snapshots` are those of the state, newest first.
pub(super) fn without_state(deployment: &Deployment, snapshots: &[Snapshot]) -> String {
    let (name, disk) = (&deployment.name, fleet::state_disk_name(deployment));
    match snapshots.first().and_then(|it| it.name.as_deref()) {
        Some(snapshot) => format!(
            "the state disk {disk} of {name} is not there: `clawbake state restore {snapshot}` makes it again \
             from the newest snapshot"
        ),
        None => format!(
            "{name} has no state disk, and so nothing to keep: `clawbake launch` makes a new VM"
        ),
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

/// Why a gateway must be left alone whose state another one takes over.
pub(super) fn migrating(name: &str, migration: &Migration) -> Refused {
    let to = &migration.to;
    let how = if migration.word == state::Word::Done {
        format!("has taken over; `clawbake migrate --from FILE --back` goes back to {name}")
    } else {
        "takes over: `clawbake migrate` goes on with it".to_owned()
    };
    Refused {
        gate: Gate::Turn,
        why: format!("its state is one that the deployment {to} {how}"),
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
        Some(Power::Suspended) => write!(text, "the VM {name} is suspended, "),
        Some(Power::Moving) => write!(text, "the VM {name} is on its way, "),
        None => write!(text, "there is no VM {name}, "),
    }
    .expect("writing to a string");
    match scene.disk {
        Some(_) => write!(text, "its state is on disk {disk}"),
        None => write!(text, "its disk {disk} is not there"),
    }
    .expect("writing to a string");
    if let Some(snapshot) = scene.intent().and_then(|it| it.snapshot.as_ref()) {
        write!(text, ", and the state before is in snapshot {snapshot}")
            .expect("writing to a string");
    }
    text += "; `clawbake recreate` goes on, `clawbake logs` shows what the VM says";
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_two_units() {
        let ages = [59, 60, 3599, 3600, 90_000, 9_000_000].map(|seconds| {
            let (then, now) = (
                Timestamp::UNIX_EPOCH,
                Timestamp::from_second(seconds).unwrap(),
            );
            age(then, now)
        });
        assert_eq!(
            ages.join(", "),
            "0 min, 1 min, 59 min, 1 h 0 min, 1 days 1 h, 104 days 4 h"
        );
        let before = Timestamp::from_second(-60).unwrap();
        assert_eq!(age(Timestamp::UNIX_EPOCH, before), "0 min");
    }

    #[test]
    fn a_gateway_is_steady_while_it_is_ready_in_the_same_boot() {
        let report = |boot: &str, phase| Report {
            nonce: "n".into(),
            boot_id: boot.into(),
            image: "i".into(),
            gateway: "v".into(),
            phase,
            at: "2026-01-01T00:00:00Z".into(),
            reason: None,
        };
        let first = report("1", Phase::Ready);
        let told = |status, now: Option<&Report>| unsteady(status, &first, now);
        assert_eq!(told("RUNNING", Some(&first)), None);
        let words = [
            told("TERMINATED", Some(&first)),
            told("RUNNING", None),
            told("RUNNING", Some(&report("2", Phase::Ready))),
            told("RUNNING", Some(&report("1", Phase::Failed))),
        ];
        let words = words.map(Option::unwrap);
        assert_eq!(
            words.join("\n"),
            "the VM was RUNNING and is TERMINATED\nthe VM reports nothing any more\n\
             the VM has booted again by itself\nit was ready and is failed: it gave no reason"
        );
    }
}
