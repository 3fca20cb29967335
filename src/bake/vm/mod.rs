//! The VM builder: an instance of the published Debian runs the same scripts as the offline builder,
//! reports through guest attributes and powers itself off. No login, no secrets.
//!
//! ```text
//! insert ──▶ provisioning ──▶ verifying ──▶ sealed ──▶ TERMINATED ──▶ boot disk: source of the image
//!                 │               │            │
//!                 └── failed ─────┴── silence, deadline, gone ──▶ error; the journal cleans up
//! ```

mod kit;
mod plan;
mod report;

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::image::Plan;
use crate::journal::{Journal, Resource};
use crate::progress::{Outcome, Progress, Stage};
use report::{Look, Report, Verdict};

/// Guest attribute with the last report.
const ATTRIBUTE: &str = "clawbake/phase";
/// Guest attributes may be read about ten times a minute; the engine is not so strict, Google is.
const POLL: Duration = Duration::from_secs(3);
/// Lines of serial output that a failure repeats.
const TAIL: usize = 15;

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

/// Makes the disk of an image in a VM, and returns its selfLink. The VM is gone then. The disk is the
/// caller's to delete once the image is made of it; until then it is in the journal.
///
/// # Errors
/// When the VM reports a failure, stops without having sealed the disk, falls silent or takes longer
/// than the recipe's deadline. What was created is in the journal, for [`Journal::settle`] to delete.
pub async fn build(
    deployment: &Deployment,
    cloud: &Cloud,
    plan: &Plan,
    journal: &mut Journal,
    progress: &Progress,
) -> Result<String> {
    let (recipe, zone) = (&deployment.recipe, &cloud.zone);
    let stage = progress.stage("builder VM");
    let base = cloud
        .client
        .images_of(plan::BASE_PROJECT)
        .find_in_family(&recipe.base.to_string())
        .await?
        .and_then(|image| image.self_link)
        .with_context(|| {
            format!(
                "the project {} has no image of the family {}",
                plan::BASE_PROJECT,
                recipe.base
            )
        })?;
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let name = plan::name(journal.run());
    let builder = plan::Builder {
        recipe,
        zone,
        network: &cloud.network,
        subnetwork: cloud.subnetwork.as_deref(),
        name: &name,
        label: journal.label(),
        base: &base,
        kit: kit::pack(recipe, plan)?,
        nonce: &nonce,
    };
    let instance = builder.instance();
    stage.note(format!(
        "{name} from {}",
        base.rsplit('/').next().unwrap_or_default()
    ));
    for disk in [name.clone(), plan::scratch(&name)] {
        let zone = zone.clone();
        journal.record(Resource::Disk { zone, name: disk })?;
    }
    // Clean-up begins with the last: the instance holds the disks.
    let resource = Resource::Instance {
        zone: zone.clone(),
        name: name.clone(),
    };
    let instances = cloud.client.instances(zone);
    journal
        .create(&cloud.client, resource, instances.insert(&instance))
        .await?;

    let deadline = Duration::from_mins(recipe.builder.deadline_minutes.into());
    watch(cloud, &name, &nonce, deadline, &stage).await?;
    stage.note("sealed; removing the VM");
    instances.delete(&name).await?.wait().await?;
    let disk = cloud.client.disks(zone).get(&name).await?;
    stage.finish(Outcome::Done, format!("{} sealed in {name}", plan.name));
    disk.self_link
        .with_context(|| format!("the disk {name} has no selfLink"))
}

/// Waits until the VM has sealed its disk and powered itself off.
async fn watch(
    cloud: &Cloud,
    name: &str,
    nonce: &str,
    deadline: Duration,
    stage: &Stage,
) -> Result<()> {
    let instances = cloud.client.instances(&cloud.zone);
    let (started, mut changed) = (Instant::now(), Instant::now());
    let (mut last, mut cursor) = (None, 0);
    loop {
        let instance = instances.find(name).await?;
        if instance.is_some() {
            // Guest attributes may end with the VM's run: what was read once holds.
            if let Some(report) = report(cloud, name)
                .await?
                .filter(|report| report.nonce == nonce)
                && last.as_ref() != Some(&report)
            {
                stage.note(report.phase.name());
                (last, changed) = (Some(report), Instant::now());
            }
            let serial = instances.serial_port_output(name, cursor).await?;
            if serial.next.is_some_and(|next| next != cursor) {
                cursor = serial.next.unwrap_or(cursor);
                changed = Instant::now();
                if let Some(headline) = headline(&serial.contents.unwrap_or_default()) {
                    stage.note(headline);
                }
            }
        }
        let look = Look {
            report: last.as_ref(),
            status: instance
                .as_ref()
                .and_then(|instance| instance.status.as_deref()),
            silent: changed.elapsed(),
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
                (
                    why,
                    output
                        .and_then(|output| output.contents)
                        .map(|text| tail(&text)),
                )
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

async fn report(cloud: &Cloud, name: &str) -> Result<Option<Report>> {
    let instances = cloud.client.instances(&cloud.zone);
    let attributes = instances.find_guest_attributes(name, ATTRIBUTE).await?;
    let entry = attributes
        .and_then(|attributes| attributes.query_value)
        .and_then(|value| value.items.into_iter().next());
    // Any process in the VM can write the attribute: what is no report of ours is none.
    Ok(entry
        .and_then(|entry| entry.value)
        .and_then(|value| serde_json::from_str(&value).ok()))
}

/// The last headline of the scripts in a piece of serial output.
fn headline(serial: &str) -> Option<&str> {
    serial
        .lines()
        .rev()
        .filter_map(|line| Some(line.split_once("clawbake: ")?.1.trim_end()))
        .find(|headline| !headline.starts_with("phase="))
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
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
