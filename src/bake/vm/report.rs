//! What a builder VM says about its bake, and what follows from it (pure).

use std::time::Duration;

use serde::Deserialize;

use crate::fleet;

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
    /// The bake that it belongs to.
    pub nonce: String,
    /// How far.
    pub phase: Phase,
    /// Why it failed: the last lines, ` | ` between them.
    pub reason: Option<String>,
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Verifying => "verifying",
            Self::Sealed => "sealed",
            Self::Failed => "failed",
        }
    }
}

/// One look at a builder VM.
#[derive(Debug, Default)]
pub(super) struct Look<'a> {
    /// Its last report of this bake.
    pub report: Option<&'a Report>,
    /// The instance's status; none if there is no such instance any more.
    pub status: Option<&'a str>,
    /// Whether its serial port has ever said anything.
    pub spoken: bool,
    /// How long nothing has changed.
    pub silent: Duration,
    /// How long the bake has taken.
    pub elapsed: Duration,
}

/// What a look says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    /// The disk is an image to be: it says so, and nothing can change it any more.
    Sealed,
    /// The VM gave the reason itself.
    Reported(String),
    /// The VM gave none; its serial output may tell more.
    Lost(String),
}

impl Look<'_> {
    /// Judges, with `deadline` for the whole bake.
    pub(super) fn judge(&self, deadline: Duration) -> Verdict {
        let phase = self.report.map(|report| report.phase);
        let last = phase.map_or_else(
            || "it never reported a phase".to_owned(),
            |phase| format!("its last phase was `{}`", phase.name()),
        );
        match (phase, self.status) {
            (Some(Phase::Failed), _) => {
                let reason = self.report.and_then(|report| report.reason.as_deref());
                let reason = reason.unwrap_or("its script ended without a word");
                Verdict::Reported(reason.replace(" | ", "\n"))
            }
            (Some(Phase::Sealed), Some("TERMINATED")) => Verdict::Sealed,
            (_, None) => Verdict::Lost(format!(
                "it is gone: somebody deleted it, or its maxRunDuration did; {last}"
            )),
            (_, Some(status @ ("TERMINATED" | "SUSPENDED"))) => Verdict::Lost(format!(
                "it is {status} without having sealed the image; {last}"
            )),
            _ if self.elapsed > deadline => Verdict::Lost(format!(
                "not done within {} minutes, the recipe's builder.deadline_minutes; {last}",
                deadline.as_secs() / 60
            )),
            (_, Some(status)) => match fleet::silence(status, self.spoken, self.silent) {
                Some(why) => Verdict::Lost(format!("{why}; {last}")),
                None => Verdict::Wait,
            },
        }
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

    fn judge(phase: Option<&str>, status: Option<&str>) -> Verdict {
        let report = phase.map(report);
        let look = Look {
            report: report.as_ref(),
            status,
            ..Look::default()
        };
        look.judge(DEADLINE)
    }

    #[test]
    fn sealed_counts_only_with_the_power_off() {
        assert_eq!(judge(Some("sealed"), Some("RUNNING")), Verdict::Wait);
        assert_eq!(judge(Some("sealed"), Some("STOPPING")), Verdict::Wait);
        assert_eq!(judge(Some("sealed"), Some("TERMINATED")), Verdict::Sealed);
        assert!(matches!(
            judge(Some("verifying"), Some("TERMINATED")),
            Verdict::Lost(_)
        ));
        assert!(matches!(judge(Some("sealed"), None), Verdict::Lost(_)));
    }

    #[test]
    fn a_reported_failure_ends_the_wait_with_the_last_lines() {
        let failed = Report {
            reason: Some("clawbake: provision 50-x.sh | x: not found".into()),
            ..report("failed")
        };
        let look = Look {
            report: Some(&failed),
            status: Some("RUNNING"),
            ..Look::default()
        };
        let lines = "clawbake: provision 50-x.sh\nx: not found";
        assert_eq!(look.judge(DEADLINE), Verdict::Reported(lines.into()));
    }

    #[test]
    fn each_other_end_has_a_message_of_its_own() {
        let lost = |verdict| match verdict {
            Verdict::Lost(why) => why,
            other => panic!("{other:?}"),
        };
        let running = Look {
            status: Some("RUNNING"),
            spoken: true,
            ..Look::default()
        };
        let over = Duration::from_secs(1);
        let silent = Look {
            silent: Duration::from_mins(15) + over,
            ..running
        };
        let dead = Look {
            spoken: false,
            silent: Duration::from_mins(3) + over,
            ..running
        };
        let late = Look {
            elapsed: DEADLINE + over,
            ..silent
        };
        insta::assert_snapshot!(
            [
                lost(judge(None, Some("TERMINATED"))),
                lost(judge(Some("provisioning"), None)),
                lost(silent.judge(DEADLINE)),
                lost(dead.judge(DEADLINE)),
                lost(late.judge(DEADLINE)),
            ]
            .join("\n"),
            @r"
        it is TERMINATED without having sealed the image; it never reported a phase
        it is gone: somebody deleted it, or its maxRunDuration did; its last phase was `provisioning`
        nothing was heard from it for 15 minutes; it never reported a phase
        the machine itself does not run: its serial port has said nothing in the 3 minutes since power-on; its image does not boot, or its host cannot run it (`clawbake doctor`); it never reported a phase
        not done within 60 minutes, the recipe's builder.deadline_minutes; it never reported a phase
        "
        );
    }
}
