//! Waiting for a gateway: the VM's own reports, told from stale ones by a nonce.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::plan::{Instance, nonce};
use super::silence::silence;
use crate::cloud::Cloud;
use crate::progress::Stage;
use crate::serial;

/// Guest attribute with the last report.
const ATTRIBUTE: &str = "clawbake/phase";
/// Guest attributes may be read about ten times a minute; the engine is not so strict, Google is.
const POLL: Duration = Duration::from_secs(3);

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
    /// It will not become ready by itself.
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
    /// Why it failed; holds no secret.
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
        f.write_str(
            "\nthe VM is kept: `clawbake logs` shows all of it, `clawbake delete` removes it",
        )
    }
}

impl std::error::Error for NotReady {}

/// What a look at the VM says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Wait,
    Ready,
    Failed(String),
}

/// Judges one look: the last report of this launch, the instance's status, whether its serial port has
/// ever said anything, and how long nothing has changed.
fn judge(report: Option<&Report>, status: &str, spoken: bool, silent: Duration) -> Verdict {
    match (report.map(|report| report.phase), status) {
        (Some(Phase::Ready), _) => Verdict::Ready,
        (Some(Phase::Failed), _) => {
            let reason = report.and_then(|report| report.reason.clone());
            Verdict::Failed(reason.unwrap_or_else(|| "it gave no reason".into()))
        }
        (_, "STOPPING" | "TERMINATED" | "SUSPENDED") => {
            Verdict::Failed(format!("the VM is {status}"))
        }
        _ => silence(status, spoken, silent).map_or(Verdict::Wait, Verdict::Failed),
    }
}

/// The last report of a VM since its last start; another start's says nothing about this one.
pub async fn report(cloud: &Cloud, instance: &Instance) -> Result<Option<Report>> {
    let name = instance.name.as_deref().unwrap_or_default();
    let last = last(cloud, name).await?;
    Ok(last.filter(|report| is_of(report, instance)))
}

/// Whether a report belongs to the start whose nonce the instance's metadata hold.
fn is_of(report: &Report, instance: &Instance) -> bool {
    report.nonce == nonce(instance).unwrap_or_default()
}

/// The VM's last report, whatever start it belongs to.
async fn last(cloud: &Cloud, name: &str) -> Result<Option<Report>> {
    let attributes = cloud
        .client
        .instances(&cloud.zone)
        .find_guest_attributes(name, ATTRIBUTE)
        .await?;
    let entry = attributes
        .and_then(|attributes| attributes.query_value)
        .and_then(|value| value.items.into_iter().next());
    // Any process in the VM can write the attribute: what is no report of ours is none.
    Ok(entry
        .and_then(|entry| entry.value)
        .and_then(|value| serde_json::from_str(&value).ok()))
}

/// Waits until the gateway of an instance is ready, at most `timeout`; a failure that the VM reports
/// ends the wait at once.
pub async fn watch(cloud: &Cloud, name: &str, timeout: Duration, stage: &Stage) -> Result<Report> {
    let instances = cloud.client.instances(&cloud.zone);
    let (started, mut changed) = (Instant::now(), Instant::now());
    let (mut seen, mut cursor) = (None, 0);
    let (mut told, mut words) = (None, String::new());
    loop {
        let instance = instances.get(name).await?;
        let report = report(cloud, &instance).await?;
        let serial = instances.serial_port_output(name, cursor).await?;
        cursor = serial.next.unwrap_or(cursor);
        if let Some(last) = serial::last_words(&serial.contents.unwrap_or_default()) {
            words = last;
        }
        if instance.status_message != told {
            told.clone_from(&instance.status_message);
            if let Some(message) = &told {
                stage.note(message);
            }
        }
        let status = instance.status.unwrap_or_default();
        let now = (
            report.as_ref().map(|report| report.phase),
            cursor,
            status.clone(),
        );
        if seen.as_ref() != Some(&now) {
            if let Some(phase) = now
                .0
                .filter(|_| seen.as_ref().is_none_or(|(phase, ..)| *phase != now.0))
            {
                stage.note(format!("phase {phase}"));
            }
            changed = Instant::now();
            seen = Some(now);
        }
        stage.heard(&words);
        let verdict = match judge(report.as_ref(), &status, cursor > 0, changed.elapsed()) {
            Verdict::Wait if started.elapsed() > timeout => {
                let phase = report
                    .as_ref()
                    .map_or("none".into(), |report| report.phase.to_string());
                Verdict::Failed(format!(
                    "not within {} minutes; its last phase was {phase}",
                    timeout.as_secs() / 60
                ))
            }
            verdict => verdict,
        };
        match (verdict, report) {
            (Verdict::Ready, Some(report)) => return Ok(report),
            (Verdict::Failed(why), _) => {
                let serial = instances
                    .serial_port_output(name, 0)
                    .await?
                    .contents
                    .unwrap_or_default();
                return Err(NotReady {
                    instance: name.to_owned(),
                    why,
                    serial: serial::tail(&serial),
                }
                .into());
            }
            _ => tokio::time::sleep(POLL).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{StateDisk, for_start};
    use super::*;

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

    #[test]
    fn a_report_of_failure_ends_the_wait_with_its_reason() {
        let failed = at(Phase::Failed, Some("no access to secret s"));
        let verdict = judge(Some(&failed), "RUNNING", true, Duration::ZERO);
        assert_eq!(verdict, Verdict::Failed("no access to secret s".into()));
    }

    #[test]
    fn another_starts_report_is_not_this_ones() {
        let started = |nonce: &str| Instance {
            metadata: Some(for_start(gce::Metadata::default(), nonce, StateDisk::Own)),
            ..Instance::default()
        };
        let ready = at(Phase::Ready, None);
        assert!(is_of(&ready, &started("n")));
        assert!(!is_of(&ready, &started("of-the-next-start")));
        assert!(!is_of(&ready, &Instance::default()));
    }

    #[test]
    fn readiness_counts_and_everything_before_it_waits() {
        assert_eq!(
            judge(
                Some(&at(Phase::Ready, None)),
                "RUNNING",
                true,
                Duration::ZERO
            ),
            Verdict::Ready
        );
        for phase in [Phase::State, Phase::Secrets, Phase::Gateway] {
            assert_eq!(
                judge(Some(&at(phase, None)), "RUNNING", true, Duration::ZERO),
                Verdict::Wait
            );
        }
        assert_eq!(judge(None, "STAGING", false, Duration::ZERO), Verdict::Wait);
    }

    #[test]
    fn a_vm_that_stopped_or_fell_silent_is_not_waited_for() {
        let stopped = judge(
            Some(&at(Phase::Gateway, None)),
            "TERMINATED",
            true,
            Duration::ZERO,
        );
        assert_eq!(stopped, Verdict::Failed("the VM is TERMINATED".into()));
        let hour = Duration::from_hours(1);
        let told = |spoken, silent| match judge(None, "RUNNING", spoken, silent) {
            Verdict::Failed(why) => why,
            other => panic!("{other:?}"),
        };
        assert!(told(true, hour).starts_with("nothing was heard from it"));
        let after = Duration::from_secs(181);
        assert!(told(false, after).starts_with("the machine itself does not run"));
    }
}
