//! Waiting for a builder VM.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::report::{Look, Report, Verdict};
use crate::cloud::Cloud;
use crate::progress::Stage;
use crate::serial;

/// Guest attribute with the last report.
const ATTRIBUTE: &str = "clawbake/phase";
/// Guest attributes may be read about ten times a minute; the engine is not so strict, Google is.
const POLL: Duration = Duration::from_secs(3);

/// A bake that failed in its VM.
#[derive(Debug)]
struct BuilderFailed {
    instance: String,
    why: String,
    serial: Option<String>,
}

impl fmt::Display for BuilderFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the builder VM {} failed: {}", self.instance, self.why)?;
        match &self.serial {
            Some(serial) => write!(f, "\nlast lines of its serial output:\n{serial}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for BuilderFailed {}

/// What has been heard of a VM so far.
struct Heard {
    report: Option<Report>,
    /// Where the serial output goes on.
    cursor: u64,
    /// The last line of it.
    words: String,
    /// The instance's status, and what explains it.
    status: (Option<String>, Option<String>),
    /// When anything was new.
    changed: Instant,
}

impl Heard {
    /// Takes note of the instance's status, and shows what explains it.
    fn see(&mut self, status: Option<String>, message: Option<String>, stage: &Stage) {
        let seen = (status, message);
        if seen.0 != self.status.0 {
            self.changed = Instant::now();
        }
        if let Some(message) = seen.1.as_ref().filter(|_| seen.1 != self.status.1) {
            stage.note(message);
        }
        self.status = seen;
    }

    /// Asks for the VM's report and for its serial output, and shows what is new.
    async fn listen(
        &mut self,
        cloud: &Cloud,
        name: &str,
        nonce: &str,
        stage: &Stage,
    ) -> gce::Result<()> {
        let instances = cloud.client.instances(&cloud.zone);
        let attributes = instances.find_guest_attributes(name, ATTRIBUTE).await?;
        // Any process in the VM can write the attribute: what is no report of this bake is none.
        let report = attributes
            .and_then(|attributes| attributes.query_value)
            .and_then(|value| value.items.into_iter().next()?.value)
            .and_then(|value| serde_json::from_str::<Report>(&value).ok())
            .filter(|report| report.nonce == nonce);
        if report.is_some() && report != self.report {
            stage.note(report.as_ref().map_or("", |report| report.phase.name()));
            self.report = report;
            self.changed = Instant::now();
        }
        let serial = instances.serial_port_output(name, self.cursor).await?;
        if let Some(next) = serial.next.filter(|next| *next != self.cursor) {
            self.cursor = next;
            self.changed = Instant::now();
            let contents = serial.contents.unwrap_or_default();
            if let Some(headline) = headline(&contents) {
                stage.note(headline);
            }
            if let Some(words) = serial::last_words(&contents) {
                self.words = words;
            }
        }
        stage.heard(&self.words);
        Ok(())
    }
}

/// Waits until the VM has sealed its disk and powered itself off.
pub(super) async fn until_sealed(
    cloud: &Cloud,
    name: &str,
    nonce: &str,
    deadline: Duration,
    stage: &Stage,
) -> Result<()> {
    let instances = cloud.client.instances(&cloud.zone);
    let started = Instant::now();
    let mut heard = Heard {
        report: None,
        cursor: 0,
        words: String::new(),
        status: (None, None),
        changed: started,
    };
    loop {
        // Before its reports: a VM that is off says no more.
        let instance = instances.find(name).await?.unwrap_or_default();
        heard.see(instance.status, instance.status_message, stage);
        let status = heard.status.0.clone();
        if let Some(status) = &status {
            let listened = heard.listen(cloud, name, nonce, stage).await;
            // One that is off need not answer: what was heard before holds.
            if status != "TERMINATED" {
                listened?;
            }
        }
        let look = Look {
            report: heard.report.as_ref(),
            status: status.as_deref(),
            spoken: heard.cursor > 0,
            silent: heard.changed.elapsed(),
            elapsed: started.elapsed(),
        };
        let (why, serial) = match look.judge(deadline) {
            Verdict::Wait => {
                tokio::time::sleep(POLL).await;
                continue;
            }
            Verdict::Sealed => return Ok(()),
            Verdict::Reported(why) => (why, None),
            Verdict::Lost(why) => {
                let output = instances.serial_port_output(name, 0).await.ok();
                let output = output.and_then(|output| output.contents);
                (why, output.map(|text| serial::tail(&text)))
            }
        };
        let instance = name.to_owned();
        return Err(BuilderFailed {
            instance,
            why,
            serial,
        }
        .into());
    }
}

/// The last headline of the scripts in a piece of serial output.
fn headline(serial: &str) -> Option<&str> {
    serial
        .lines()
        .rev()
        .filter_map(|line| Some(line.split_once("clawbake: ")?.1.trim_end()))
        .find(|headline| !headline.starts_with("phase="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headlines_are_told_from_reports_and_chatter() {
        let serial = "[   80.1] google_metadata_script_runner[411]: startup-script: clawbake: install packages\r\n\
                      clawbake: phase=provisioning {}\r\nSetting up x\r\n";
        assert_eq!(headline(serial), Some("install packages"));
        assert_eq!(headline("Setting up x"), None);
    }
}
