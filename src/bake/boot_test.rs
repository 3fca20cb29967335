//! The boot test: a throw-away VM from the new image, with its own secrets and state disk, has to become
//! ready before the image may enter its family.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use gce::{Image, Instance, SecretBytes};

use super::image::{self, BOOT_TEST_LABEL, FAILED, NAME_LABEL, PASSED};
use super::promotion::label;
use crate::cloud::Reach;
use crate::deployment::{Deployment, Secret};
use crate::document::Refusal;
use crate::fleet::{self, NotReady, Report};
use crate::journal::{Journal, Resource};
use crate::names::EnvName;
use crate::progress::{Outcome, Stage};
use crate::run::Run;

/// How long a gateway may take. Under full emulation it needs up to ten minutes. A failure that the VM
/// reports ends the test at once.
const TIMEOUT: Duration = Duration::from_mins(45);

/// What the names of its VM, disks and secrets begin with.
pub const TEST_PREFIX: &str = "clawbake-test-";

/// An image whose gateway failed the test.
#[derive(Debug)]
pub struct BootTestFailed {
    image: String,
    why: String,
    serial: String,
}

impl fmt::Display for BootTestFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, why, serial } = self;
        write!(f, "the image {image} failed its boot test: {why}")?;
        if !serial.is_empty() {
            write!(f, "\nlast lines of its serial output:\n{serial}")?;
        }
        write!(
            f,
            "\nthe image is kept, and not promoted: `clawbake images promote {image}` tests it again, \
             `clawbake images prune` deletes it once a newer one is in front"
        )
    }
}

impl std::error::Error for BootTestFailed {}

/// Boots a VM from the image, unless the image has passed before. The verdict becomes a label of the
/// image. Everything else that the test has created is deleted at its end.
///
/// # Errors
/// [`BootTestFailed`] if the gateway does not become ready or accepts a wrong token, or if the value of
/// a secret leaks. The image is kept, without a family.
pub async fn boot_test(run: &Run, image: Image) -> Result<Image> {
    let name = image.name.clone().context("an image without a name")?;
    let (cloud, stage) = (&run.cloud, run.progress.stage("boot test"));
    if image::verdict(&image) == Some(PASSED) {
        stage.finish(Outcome::Cached, format!("{name} has passed"));
        return Ok(image);
    }
    let mut journal = run.journal("boot-test")?;
    let test = run.with(throw_away(&run.deployment, journal.run())?);
    let result = boot(&test, &image, &mut journal, &stage).await;
    stage.note("deleting the VM, its disk and secrets");
    let result = journal.undo(&cloud.client, result).await;
    match result {
        Ok(()) => {
            let image = label(cloud, &name, BOOT_TEST_LABEL, PASSED).await?;
            stage.finish(Outcome::Done, format!("{name} has passed"));
            Ok(image)
        }
        Err(error) if error.is::<BootTestFailed>() => {
            match label(cloud, &name, BOOT_TEST_LABEL, FAILED).await {
                Ok(_) => Err(error),
                Err(unlabelled) => Err(error.context(format!(
                    "its label could not be set to {FAILED}: {unlabelled:#}"
                ))),
            }
        }
        Err(error) => Err(error),
    }
}

/// The test itself. A fault of the image is a [`BootTestFailed`].
async fn boot(test: &Run, image: &Image, journal: &mut Journal, stage: &Stage) -> Result<()> {
    let failed = |why, serial| BootTestFailed {
        image: image.name.clone().unwrap_or_default(),
        why,
        serial,
    };
    let (deployment, cloud) = (&test.deployment, &test.cloud);
    let name = &deployment.name;
    let canaries = store(test, journal).await?;
    stage.note(format!("VM {name}"));
    // Boxed: the future is too large for the stack.
    Box::pin(fleet::create(test, image, false, journal)).await?;
    let report = match fleet::watch(cloud, name, TIMEOUT, stage).await {
        Ok(report) => report,
        Err(error) => {
            let NotReady {
                why, serial, gone, ..
            } = error.downcast()?;
            // Whoever deleted the VM is to blame, and not the image.
            ensure!(
                !gone,
                "the boot test of {0} has no result: {why}; `clawbake images promote {0}` tests it again",
                image.name.as_deref().unwrap_or_default()
            );
            return Err(failed(why, serial).into());
        }
    };
    let instances = cloud.client.instances(&cloud.zone);
    let instance = instances.get(name).await?;
    let serial = instances.serial_port_output(name, 0).await?;
    let serial = serial.contents.unwrap_or_default();
    let flaw = match probe(test, &instance, &canaries).await {
        Ok(()) => judge(&report, deployment, image, &canaries, &instance, &serial)?,
        Err(error) => Some(format!("{error:#}")),
    };
    flaw.map_or(Ok(()), |why| Err(failed(why, String::new()).into()))
}

/// The deployment of the test: the same machine and environment, but its own names and secrets, and no
/// snapshot schedule.
fn throw_away(deployment: &Deployment, run: &str) -> Result<Deployment> {
    let name = format!("{TEST_PREFIX}{run}");
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

/// A new random value for every variable, readable by the VM's account.
async fn store(test: &Run, journal: &mut Journal) -> Result<BTreeMap<EnvName, SecretBytes>> {
    let cloud = &test.cloud;
    let mut canaries = BTreeMap::new();
    for (variable, Secret { name, .. }) in &test.deployment.secrets {
        let value = fleet::random()?;
        journal.record(Resource::Secret {
            name: name.to_string(),
        })?;
        let labels = [journal.label()].into();
        let defined = fleet::define(cloud, name, labels).await;
        journal.answered(&cloud.client, defined).await?;
        fleet::store(cloud, name, value.clone()).await?;
        canaries.insert(variable.clone(), value);
    }
    Ok(canaries)
}

/// Probes the gateway if it can be reached from here. If not, the VM's own report has to do.
async fn probe(
    test: &Run,
    instance: &Instance,
    canaries: &BTreeMap<EnvName, SecretBytes>,
) -> Result<()> {
    let gateway = &test.deployment.recipe.gateway;
    match test.cloud.reach(instance, gateway.ports.front) {
        Reach::Url(url) => fleet::probe(&url, &gateway.health, &canaries[&gateway.token_env]).await,
        Reach::Tunnel(_) => Ok(()),
    }
}

/// What is wrong with a VM that is ready, if anything.
fn judge(
    report: &Report,
    test: &Deployment,
    image: &Image,
    canaries: &BTreeMap<EnvName, SecretBytes>,
    instance: &Instance,
    serial: &str,
) -> Result<Option<String>> {
    let version = test.recipe.gateway.release.version.to_string();
    if report.gateway != version {
        return Ok(Some(format!(
            "it runs gateway {}, not {version}",
            report.gateway
        )));
    }
    // An archive from elsewhere was named after it had been sealed.
    if let Some(sealed) = image.labels.get(NAME_LABEL)
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

    use super::*;
    use crate::fleet::Phase;

    fn deployment() -> Deployment {
        let text = include_str!("../userdata/testdata/clawbake.yaml");
        Deployment::parse("clawbake.yaml", text, Path::new("")).unwrap()
    }

    #[test]
    fn the_test_shares_no_name_with_the_deployment() {
        let (real, test) = (deployment(), throw_away(&deployment(), "1a2b3c4d").unwrap());
        assert_eq!(&*test.name, "clawbake-test-1a2b3c4d");
        assert_eq!(
            fleet::state_disk_name(&test),
            "clawbake-test-1a2b3c4d-state"
        );
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
        let test = throw_away(&deployment(), "1a2b3c4d").unwrap();
        let version = test.recipe.gateway.release.version.to_string();
        let canaries = [("TOKEN".parse().unwrap(), b"c4n4ry".to_vec().into())].into();
        let image = |name: &str| Image {
            labels: [(NAME_LABEL.to_owned(), name.to_owned())].into(),
            ..Image::default()
        };
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
            judge(&report, &test, image, &canaries, instance, serial)
                .unwrap()
                .unwrap_or_default()
        };
        let (golden, clean) = (image("golden"), Instance::default());
        assert_eq!(told(&version, &golden, &clean, "ready"), "");
        assert_eq!(told(&version, &Image::default(), &clean, ""), "");
        assert_eq!(
            told("2020.1.1", &golden, &clean, ""),
            format!("it runs gateway 2020.1.1, not {version}")
        );
        assert_eq!(
            told(&version, &image("other"), &clean, ""),
            "it calls itself golden, not other"
        );
        assert_eq!(
            told(&version, &golden, &clean, "token=c4n4ry"),
            "the value of TOKEN is in its serial output"
        );
        let leaking = Instance {
            description: Some("c4n4ry".into()),
            ..Instance::default()
        };
        assert_eq!(
            told(&version, &golden, &leaking, ""),
            "the value of TOKEN is in its metadata"
        );
    }
}
