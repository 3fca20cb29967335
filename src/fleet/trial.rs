//! A throw-away VM that tries an image: its names, secrets and state are its own, and all of it goes at
//! the end.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use gce::{Disk, Image, Instance, SecretBytes};

use super::start::Adopt;
use super::{NotReady, Report, create, define, probe, random, state_disk_name, store, watch};
use crate::cloud::Reach;
use crate::deployment::{Deployment, Secret};
use crate::document::Refusal;
use crate::journal::{Journal, Resource};
use crate::labels::{GATEWAY, NAME};
use crate::names::EnvName;
use crate::progress::Stage;
use crate::release::Version;
use crate::run::Run;

/// How long a gateway may take. Under full emulation it needs up to ten minutes. A failure that the VM
/// reports ends the trial at once.
const TIMEOUT: Duration = Duration::from_mins(45);

/// What the names of its VM, disks and secrets begin with.
pub const TRIAL_PREFIX: &str = "clawbake-test-";

/// A throw-away deployment. What it creates is in the journal that it was prepared with, whose
/// [`Journal::undo`] deletes all of it.
#[derive(Debug)]
pub struct Trial {
    run: Run,
    canaries: BTreeMap<EnvName, SecretBytes>,
    adopt: Adopt,
}

/// What is wrong with an image, as its trial has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Why; holds no secret.
    pub why: String,
    /// The last lines of the VM's serial output, where they explain it.
    pub serial: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, serial } = self;
        f.write_str(why)?;
        if !serial.is_empty() {
            write!(f, "\nlast lines of its serial output:\n{serial}")?;
        }
        Ok(())
    }
}

impl Trial {
    /// A trial on blank state. Every secret of the deployment gets a new random value, which the VM's
    /// account may read.
    pub async fn prepare(run: &Run, journal: &mut Journal) -> Result<Self> {
        let run = run.with(throw_away(&run.deployment, journal.run())?);
        let cloud = &run.cloud;
        let mut canaries = BTreeMap::new();
        for (variable, Secret { name, .. }) in &run.deployment.secrets {
            let value = random()?;
            journal.record(Resource::Secret {
                name: name.to_string(),
            })?;
            let labels = [journal.label()].into();
            let defined = define(cloud, name, labels).await;
            journal.answered(&cloud.client, defined).await?;
            store(cloud, name, value.clone()).await?;
            canaries.insert(variable.clone(), value);
        }
        Ok(Self {
            run,
            canaries,
            adopt: Adopt::Own,
        })
    }

    /// The same on a copy of real state: a disk made of the snapshot at this URL. The VM's network is
    /// shut, so that two gateways never speak for one account: `adopt` is one of the clones.
    pub async fn clone_state(
        &mut self,
        snapshot: &str,
        adopt: Adopt,
        journal: &mut Journal,
    ) -> Result<()> {
        let Run {
            deployment, cloud, ..
        } = &self.run;
        let blank = super::state_disk(deployment, cloud, None, &journal.label());
        let disk = Disk {
            description: Some("copy of a gateway's state, for a rehearsal".into()),
            // As large as the snapshot says.
            size_gb: None,
            source_snapshot: Some(snapshot.to_owned()),
            ..blank
        };
        let resource = Resource::Disk {
            zone: cloud.zone.clone(),
            name: state_disk_name(deployment),
        };
        let disks = cloud.client.disks(&cloud.zone);
        let request = disks.insert(&disk);
        journal.create(&cloud.client, resource, request).await?;
        self.adopt = adopt;
        Ok(())
    }

    /// The VM's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.run.deployment.name
    }

    /// Boots the image and waits for the VM's report, for what it is and for what its gateway answers.
    ///
    /// # Errors
    /// A [`Flaw`] of the image is a result. Anything else has nothing to do with it: `again` says how to
    /// try once more.
    pub async fn boot(
        &self,
        image: &Image,
        again: &str,
        journal: &mut Journal,
        stage: &Stage,
    ) -> Result<Result<Report, Flaw>> {
        let (cloud, name) = (&self.run.cloud, self.name());
        stage.note(format!("VM {name}"));
        // Boxed: the future is too large for the stack.
        Box::pin(create(&self.run, image, self.adopt, journal)).await?;
        let report = match watch(cloud, name, TIMEOUT, stage).await {
            Ok(report) => report,
            Err(error) => {
                let NotReady {
                    why, serial, gone, ..
                } = error.downcast()?;
                // Whoever deleted the VM is to blame, and not the image.
                ensure!(
                    !gone,
                    "the trial of {} has no result: {why}; {again}",
                    image.name.as_deref().unwrap_or_default()
                );
                return Ok(Err(Flaw { why, serial }));
            }
        };
        let instances = cloud.client.instances(&cloud.zone);
        let instance = instances.get(name).await?;
        let serial = instances.serial_port_output(name, 0).await?;
        let serial = serial.contents.unwrap_or_default();
        let why = match self.probe(&instance).await {
            Ok(()) => self.judge(&report, image, &instance, &serial)?,
            Err(error) => Some(format!("{error:#}")),
        };
        Ok(match why {
            None => Ok(report),
            Some(why) => Err(Flaw {
                why,
                serial: String::new(),
            }),
        })
    }

    /// Probes the gateway if it can be reached from here. If not, as where its network is shut, the VM's
    /// own report has to do.
    async fn probe(&self, instance: &Instance) -> Result<()> {
        if self.adopt != Adopt::Own {
            return Ok(());
        }
        let gateway = &self.run.deployment.recipe.gateway;
        match self.run.cloud.reach(instance, gateway.ports.front) {
            Reach::Url(url) => {
                probe(&url, &gateway.health, &self.canaries[&gateway.token_env]).await
            }
            Reach::Tunnel(_) => Ok(()),
        }
    }

    /// What is wrong with a VM that is ready, if anything.
    fn judge(
        &self,
        report: &Report,
        image: &Image,
        instance: &Instance,
        serial: &str,
    ) -> Result<Option<String>> {
        judge(report, image, &self.canaries, instance, serial)
    }
}

/// The deployment of a trial: the same machine and environment, but its own names and secrets, and no
/// snapshot schedule.
fn throw_away(deployment: &Deployment, run: &str) -> Result<Deployment> {
    let name = format!("{TRIAL_PREFIX}{run}");
    let mut test = deployment.clone();
    test.name = parse(&name)?;
    for (variable, secret) in &mut test.secrets {
        *secret = Secret {
            name: parse(&format!("{name}-{variable}"))?,
            version: "latest".into(),
        };
    }
    test.state.snapshots = None;
    Ok(test)
}

fn parse<T: FromStr<Err = Refusal>>(name: &str) -> Result<T> {
    name.parse()
        .map_err(|refusal: Refusal| anyhow!("{}", refusal.message))
}

/// What is wrong with a VM that is ready, if anything.
fn judge(
    report: &Report,
    image: &Image,
    canaries: &BTreeMap<EnvName, SecretBytes>,
    instance: &Instance,
    serial: &str,
) -> Result<Option<String>> {
    let label = image.labels.get(GATEWAY);
    let version = label.and_then(|label| Version::of_label(label));
    let version = version
        .context("the image does not say which gateway it holds")?
        .to_string();
    if report.gateway != version {
        return Ok(Some(format!(
            "it runs gateway {}, not {version}",
            report.gateway
        )));
    }
    // An archive from elsewhere was named after it had been sealed.
    if let Some(sealed) = image.labels.get(NAME)
        && report.image != *sealed
    {
        return Ok(Some(format!(
            "it calls itself {}, not {sealed}",
            report.image
        )));
    }
    let metadata = serde_json::to_string(instance)?;
    for (variable, value) in canaries {
        let value = String::from_utf8_lossy(value.expose());
        for (place, text) in [("serial output", serial), ("metadata", &metadata)] {
            if text.contains(&*value) {
                return Ok(Some(format!("the value of {variable} is in its {place}")));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Phase;
    use super::*;

    fn deployment() -> Deployment {
        let text = include_str!("../userdata/testdata/clawbake.yaml");
        Deployment::parse("clawbake.yaml", text, Path::new("")).unwrap()
    }

    #[test]
    fn a_trial_shares_no_name_with_the_deployment() {
        let (real, test) = (deployment(), throw_away(&deployment(), "1a2b3c4d").unwrap());
        assert_eq!(&*test.name, "clawbake-test-1a2b3c4d");
        assert_eq!(state_disk_name(&test), "clawbake-test-1a2b3c4d-state");
        assert_eq!(test.state.snapshots, None);
        assert!(test.secrets.keys().eq(real.secrets.keys()));
        let secrets: Vec<_> = test.secrets.values().map(|s| s.name.to_string()).collect();
        assert_eq!(
            secrets,
            [
                "clawbake-test-1a2b3c4d-CLAWDBOT_GATEWAY_TOKEN",
                "clawbake-test-1a2b3c4d-GOG_KEYRING_PASSWORD"
            ]
        );
        assert!(test.secrets.values().all(|s| s.version == "latest"));
    }

    #[test]
    fn another_gateway_another_image_and_a_value_in_sight_are_failures() {
        let version = "2026.1.24-3";
        let canaries = [("TOKEN".parse().unwrap(), b"c4n4ry".to_vec().into())].into();
        let image = |name: &str| Image {
            labels: [(NAME, name), (GATEWAY, "2026-1-24-3")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..Image::default()
        };
        let mut unnamed = image("");
        unnamed.labels.remove(NAME);
        let told = |gateway: &str, image: &Image, instance: &Instance, serial: &str| {
            let report = Report {
                nonce: "n".into(),
                boot_id: "b".into(),
                image: "golden".into(),
                gateway: gateway.into(),
                phase: Phase::Ready,
                at: "2026-01-01T00:00:00Z".into(),
                reason: None,
            };
            judge(&report, image, &canaries, instance, serial)
                .unwrap()
                .unwrap_or_default()
        };
        let (golden, clean) = (image("golden"), Instance::default());
        assert_eq!(told(version, &golden, &clean, "ready"), "");
        assert_eq!(told(version, &unnamed, &clean, ""), "");
        assert_eq!(
            told("2020.1.1", &golden, &clean, ""),
            format!("it runs gateway 2020.1.1, not {version}")
        );
        assert_eq!(
            told(version, &image("other"), &clean, ""),
            "it calls itself golden, not other"
        );
        assert_eq!(
            told(version, &golden, &clean, "token=c4n4ry"),
            "the value of TOKEN is in its serial output"
        );
        let leaking = Instance {
            description: Some("c4n4ry".into()),
            ..Instance::default()
        };
        assert_eq!(
            told(version, &golden, &leaking, ""),
            "the value of TOKEN is in its metadata"
        );
    }
}
