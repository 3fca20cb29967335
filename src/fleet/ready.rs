//! Waiting for a gateway.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::instance::Instance;
use crate::cloud::Cloud;
use crate::progress::Stage;
use crate::vm::{self, Look, Watch};

/// How far a VM is, in this order; or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The state disk is mounted.
    State,
    /// The secrets are fetched.
    Secrets,
    /// The gateway is starting.
    Gateway,
    /// It answers the token's holder, and nobody else.
    Ready,
    /// It will not become ready by itself, or has tried for too long and goes on trying.
    Failed,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::State => "state",
            Self::Secrets => "secrets",
            Self::Gateway => "gateway",
            Self::Ready => "ready",
            Self::Failed => "failed",
        })
    }
}

/// One report of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The launch that it belongs to.
    pub nonce: String,
    /// The boot that it belongs to.
    pub boot_id: String,
    /// The image's name.
    pub image: String,
    /// The gateway's version.
    pub gateway: String,
    /// How far.
    pub phase: Phase,
    /// When, RFC 3339.
    pub at: String,
    /// Why it failed, or what whoever looks has to know; holds no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A gateway that did not become ready.
#[derive(Debug)]
pub struct NotReady {
    /// The VM.
    pub instance: String,
    /// Why; holds no secret.
    pub why: String,
    /// The last lines of its serial output.
    pub serial: String,
    /// Whether the VM was deleted meanwhile.
    pub gone: bool,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the gateway of {} did not become ready: {}",
            self.instance, self.why
        )?;
        if !self.serial.is_empty() {
            write!(f, "\nlast lines of its serial output:\n{}", self.serial)?;
        }
        f.write_str(if self.gone {
            "\nits state disk stays: `clawbake up` makes a new VM for it"
        } else {
            "\nthe VM is kept: `clawbake logs` shows all of it, `clawbake delete` removes it"
        })
    }
}

impl std::error::Error for NotReady {}

impl vm::Report for Report {
    type Phase = Phase;

    fn phase(&self) -> Phase {
        self.phase
    }
}

/// How waiting for a gateway ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Ready(Report),
    Failed(String),
    Gone(String),
}

/// How the wait has ended, which takes `timeout` at most; `None` while it goes on.
fn judge(look: &Look<'_, Report>, timeout: Duration) -> Option<End> {
    let last = look.last_phase();
    match (look.report, look.status) {
        (Some(report), _) if report.phase == Phase::Ready => Some(End::Ready(report.clone())),
        (Some(report), _) if report.phase == Phase::Failed => {
            let reason = report.reason.clone();
            Some(End::Failed(
                reason.unwrap_or_else(|| "it gave no reason".into()),
            ))
        }
        (_, None) => Some(End::Gone(format!(
            "the VM is gone: somebody deleted it; {last}"
        ))),
        (_, Some(status @ ("STOPPING" | "TERMINATED" | "SUSPENDED"))) => {
            Some(End::Failed(format!("the VM is {status}; {last}")))
        }
        _ => {
            let minutes = timeout.as_secs() / 60;
            let late =
                || (look.elapsed > timeout).then(|| format!("it took more than {minutes} minutes"));
            let why = look.silence().or_else(late)?;
            Some(End::Failed(format!("{why}; {last}")))
        }
    }
}

/// The last report of a VM since its last start; another start's says nothing about this one.
pub async fn report(cloud: &Cloud, instance: &Instance) -> Result<Option<Report>> {
    let instances = cloud.client.instances(&cloud.zone);
    Ok(vm::report(&instances, instance).await?)
}

/// Waits until the gateway of an instance is ready, at most `timeout`; a failure that the VM reports
/// ends the wait at once.
///
/// # Errors
/// [`NotReady`] when the gateway fails, takes too long, or its VM stops, falls silent or is deleted.
pub async fn watch(cloud: &Cloud, name: &str, timeout: Duration, stage: &Stage) -> Result<Report> {
    let mut watch = Watch::new(cloud.client.instances(&cloud.zone), name);
    let (why, gone) = match watch.until(|look| judge(look, timeout), stage).await? {
        End::Ready(report) => return Ok(report),
        End::Failed(why) => (why, false),
        End::Gone(why) => (why, true),
    };
    Err(NotReady {
        instance: name.to_owned(),
        why,
        serial: watch.tail(),
        gone,
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_mins(45);

    fn at(phase: Phase, reason: Option<&str>) -> Report {
        Report {
            nonce: "n".into(),
            boot_id: "b".into(),
            image: "i".into(),
            gateway: "v".into(),
            phase,
            at: "2026-01-01T00:00:00Z".into(),
            reason: reason.map(Into::into),
        }
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

    #[test]
    fn a_report_of_failure_ends_the_wait_with_its_reason() {
        let failed = at(Phase::Failed, Some("no access to secret s"));
        assert_eq!(
            judge(&look(Some(&failed), Some("RUNNING")), TIMEOUT),
            Some(End::Failed("no access to secret s".into()))
        );
    }

    #[test]
    fn readiness_counts_and_everything_before_it_waits() {
        let ready = at(Phase::Ready, None);
        assert_eq!(
            judge(&look(Some(&ready), Some("RUNNING")), TIMEOUT),
            Some(End::Ready(ready.clone()))
        );
        for phase in [Phase::State, Phase::Secrets, Phase::Gateway] {
            let report = at(phase, None);
            assert_eq!(judge(&look(Some(&report), Some("RUNNING")), TIMEOUT), None);
        }
        assert_eq!(judge(&look(None, Some("STAGING")), TIMEOUT), None);
    }

    #[test]
    fn each_other_end_has_a_message_of_its_own() {
        let gateway = at(Phase::Gateway, None);
        let running = || look(Some(&gateway), Some("RUNNING"));
        let over = Duration::from_secs(1);
        let looks = [
            look(Some(&gateway), Some("TERMINATED")),
            look(Some(&gateway), None),
            Look {
                silent: Duration::from_mins(15) + over,
                ..running()
            },
            Look {
                spoken: false,
                silent: Duration::from_mins(3) + over,
                ..look(None, Some("RUNNING"))
            },
            Look {
                elapsed: TIMEOUT + over,
                ..running()
            },
        ];
        let ends = looks.map(|look| format!("{:?}", judge(&look, TIMEOUT).unwrap()));
        insta::assert_snapshot!(ends.join("\n"), @r#"
        Failed("the VM is TERMINATED; its last phase was `gateway`")
        Gone("the VM is gone: somebody deleted it; its last phase was `gateway`")
        Failed("it fell silent 15 minutes ago: look for the cause where its serial output ends; its last phase was `gateway`")
        Failed("its serial port has been silent for 3 minutes, since power-on: the image does not boot, or the host cannot run it, which `clawbake doctor` checks; it never reported a phase")
        Failed("it took more than 45 minutes; its last phase was `gateway`")
        "#);
    }

    #[test]
    fn what_is_kept_is_said_as_it_is() {
        let not_ready = |gone| NotReady {
            instance: "vm".into(),
            why: "why".into(),
            serial: "its last line".into(),
            gone,
        };
        insta::assert_snapshot!(format!("{}\n{}", not_ready(false), not_ready(true)), @"
        the gateway of vm did not become ready: why
        last lines of its serial output:
        its last line
        the VM is kept: `clawbake logs` shows all of it, `clawbake delete` removes it
        the gateway of vm did not become ready: why
        last lines of its serial output:
        its last line
        its state disk stays: `clawbake up` makes a new VM for it
        ");
    }
}
