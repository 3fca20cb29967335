//! What a builder VM says about its bake, and what follows from it (pure).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::vm::{self, Look};

/// How far a bake is, in this order; or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// Packages, the gateway's container, provision scripts.
    Provisioning,
    /// The finished image is checked.
    Verifying,
    /// Nothing is left to do but to power off.
    Sealed,
    /// It will not be finished.
    Failed,
}

/// The part of a report that counts here; `clawbake-phase` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Report {
    /// How far.
    pub phase: Phase,
    /// Why it failed: the last lines, ` | ` between them.
    pub reason: Option<String>,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provisioning => "provisioning",
            Self::Verifying => "verifying",
            Self::Sealed => "sealed",
            Self::Failed => "failed",
        })
    }
}

impl vm::Report for Report {
    type Phase = Phase;

    fn phase(&self) -> Phase {
        self.phase
    }
}

/// How a bake in a VM ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The disk is ready to become an image: the VM says so, and nothing can change it any more.
    Sealed,
    /// The VM gave the reason itself.
    Reported(String),
    /// The VM gave none; its serial output may tell more.
    Lost(String),
}

/// How the bake has ended, with `deadline` for all of it; `None` while it goes on.
pub(super) fn judge(look: &Look<'_, Report>, deadline: Duration) -> Option<End> {
    let phase = look.last_phase();
    let lost = |why: String| Some(End::Lost(format!("{why}; {phase}")));
    match (look.phase(), look.status) {
        (Some(Phase::Failed), _) => {
            let reason = look.report.and_then(|report| report.reason.as_deref());
            let reason = reason.unwrap_or("its script ended without a word");
            Some(End::Reported(reason.replace(" | ", "\n")))
        }
        (Some(Phase::Sealed), Some("TERMINATED")) => Some(End::Sealed),
        (_, None) => lost("it is gone: somebody deleted it, or its maxRunDuration did".into()),
        (_, Some(status @ ("TERMINATED" | "SUSPENDED"))) => {
            lost(format!("it is {status} without having sealed the image"))
        }
        _ if look.elapsed > deadline => lost(format!(
            "not done within {} minutes, the recipe's builder.deadline_minutes",
            deadline.as_secs() / 60
        )),
        _ => look.silence().and_then(lost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_hours(1);

    fn report(phase: &str) -> Report {
        let text = format!(r#"{{"nonce":"n","boot_id":"b","phase":"{phase}","at":"now"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn look<'a>(report: Option<&'a Report>, status: Option<&'a str>) -> Look<'a, Report> {
        Look {
            report,
            status,
            spoken: true,
            silent: Duration::ZERO,
            elapsed: Duration::ZERO,
        }
    }

    fn end(phase: Option<&str>, status: Option<&str>) -> Option<End> {
        judge(&look(phase.map(report).as_ref(), status), DEADLINE)
    }

    #[test]
    fn sealed_counts_only_with_the_power_off() {
        assert_eq!(end(Some("sealed"), Some("RUNNING")), None);
        assert_eq!(end(Some("sealed"), Some("STOPPING")), None);
        assert_eq!(end(Some("sealed"), Some("TERMINATED")), Some(End::Sealed));
        assert!(matches!(
            end(Some("verifying"), Some("TERMINATED")),
            Some(End::Lost(_))
        ));
        assert!(matches!(end(Some("sealed"), None), Some(End::Lost(_))));
    }

    #[test]
    fn a_reported_failure_ends_the_wait_with_the_last_lines() {
        let failed = Report {
            reason: Some("clawbake: provision 50-x.sh | x: not found".into()),
            ..report("failed")
        };
        let lines = "clawbake: provision 50-x.sh\nx: not found";
        assert_eq!(
            judge(&look(Some(&failed), Some("RUNNING")), DEADLINE),
            Some(End::Reported(lines.into()))
        );
    }

    #[test]
    fn each_other_end_has_a_message_of_its_own() {
        let lost = |end| match end {
            Some(End::Lost(why)) => why,
            other => panic!("{other:?}"),
        };
        let over = Duration::from_secs(1);
        let silent = || Look {
            silent: Duration::from_mins(15) + over,
            ..look(None, Some("RUNNING"))
        };
        let dead = Look {
            spoken: false,
            silent: Duration::from_mins(3) + over,
            ..silent()
        };
        let late = Look {
            elapsed: DEADLINE + over,
            ..silent()
        };
        insta::assert_snapshot!(
            [
                lost(end(None, Some("TERMINATED"))),
                lost(end(Some("provisioning"), None)),
                lost(judge(&silent(), DEADLINE)),
                lost(judge(&dead, DEADLINE)),
                lost(judge(&late, DEADLINE)),
            ]
            .join("\n"),
            @"
        it is TERMINATED without having sealed the image; it never reported a phase
        it is gone: somebody deleted it, or its maxRunDuration did; its last phase was `provisioning`
        it fell silent 15 minutes ago: look for the cause where its serial output ends; it never reported a phase
        its serial port has been silent for 3 minutes, since power-on: the image does not boot, or the host cannot run it, which `clawbake doctor` checks; it never reported a phase
        not done within 60 minutes, the recipe's builder.deadline_minutes; it never reported a phase
        "
        );
    }
}
