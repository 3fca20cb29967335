//! What a launch creates: pure functions from a deployment and an image to resources.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, ensure};
use gce::{
    Disk, Firewall, FirewallRule, Image, InstanceProperties, InstanceTemplate, Metadata,
    MetadataItem, Scheduling,
};
use sha2::{Digest, Sha256};

use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::image::key::hex;
use crate::labels::{GATEWAY, IMAGE, SCHEMA, TEMPLATE, TEMPLATE_CONTENT};
use crate::userdata::STATE_DEVICE;
use crate::vm::{self, Nonce, Properties, item};

/// An instance of the client's.
pub use gce::Instance;

/// Labels of a resource.
pub(super) type Labels = BTreeMap<String, String>;

/// Label on everything that belongs to a deployment.
const DEPLOYMENT_LABEL: &str = "clawbake-deployment";
/// Network tag of VMs whose gateway is reached through Identity-Aware Proxy.
const TAG: &str = "clawbake";
/// Where Identity-Aware Proxy connects from (Google's documentation of TCP forwarding).
const IAP_RANGE: &str = "35.235.240.0/20";
/// Metadata key that vouches for a state disk which the launch made itself; holds the nonce.
const MADE_KEY: &str = "clawbake-state-made";
/// Metadata key that lets the guest take over a state disk, whoever filled it; holds the nonce.
const ADOPT_KEY: &str = "clawbake-adopt-state";
/// Metadata key that lets the guest make another gateway's state its own gateway's; holds the nonce.
const GATEWAY_KEY: &str = "clawbake-adopt-gateway";

/// What a start tells the guest of its state disk. It holds for this start alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateDisk {
    /// This very launch made it, blank: it may be formatted without reading all of it.
    Made,
    /// It was there before: it is the deployment's own, or refused.
    Own,
    /// It was there before, and is the deployment's from here on, whoever filled it.
    Adopted,
    /// The same, and whatever gateway its state was.
    Migrated,
}

/// What a launch does with a state disk that was there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopt {
    /// The guest refuses what is not the deployment's own.
    Own,
    /// The guest takes it over, whoever filled it.
    Any,
    /// It is a copy of state that another VM has: the guest takes it over, clears what says so, and
    /// shuts its network.
    Clone,
    /// The same, and its gateway is held: the VM is asked for the state.
    Held,
    /// It is a copy of another gateway's state, which does not run any more: the guest takes it over, and
    /// makes it this gateway's.
    Gateway,
    /// A copy of the state of another gateway that still runs: both.
    GatewayClone,
    /// The guest refuses what is not the deployment's own, and holds its gateway until it has imported a
    /// state.
    Import,
}

impl Adopt {
    /// What `--adopt-state` says.
    #[must_use]
    pub fn any(adopt_state: bool) -> Self {
        if adopt_state { Self::Any } else { Self::Own }
    }
}

impl StateDisk {
    /// A disk that was there before.
    pub(super) fn found(adopt: Adopt) -> Self {
        match adopt {
            Adopt::Own | Adopt::Import => Self::Own,
            Adopt::Any | Adopt::Clone | Adopt::Held => Self::Adopted,
            Adopt::Gateway | Adopt::GatewayClone => Self::Migrated,
        }
    }

    fn items(self, nonce: &Nonce) -> impl Iterator<Item = MetadataItem> {
        let keys: &'static [&'static str] = match self {
            Self::Made => &[MADE_KEY],
            Self::Own => &[],
            Self::Adopted => &[ADOPT_KEY],
            Self::Migrated => &[ADOPT_KEY, GATEWAY_KEY],
        };
        keys.iter().map(move |key| item(key, nonce.to_string()))
    }
}

/// Name of a deployment's state disk.
#[must_use]
pub fn state_disk_name(deployment: &Deployment) -> String {
    let mut name = deployment.name.to_string();
    name.truncate(63 - "-state".len());
    format!("{}-state", name.trim_end_matches('-'))
}

fn labels(deployment: &Deployment, run: &(String, String)) -> Labels {
    let own = (DEPLOYMENT_LABEL.to_owned(), deployment.name.to_string());
    BTreeMap::from([own, run.clone()])
}

/// Whether something was made for this deployment.
pub(crate) fn belongs(labels: &Labels, deployment: &Deployment) -> bool {
    labels.get(DEPLOYMENT_LABEL).map(String::as_str) == Some(&*deployment.name)
}

/// Refuses what has the name and not the labels of something that was made for this deployment:
/// `what` is somebody else's.
pub(crate) fn ensure_belongs(
    what: &impl fmt::Display,
    labels: &Labels,
    deployment: &Deployment,
) -> Result<()> {
    ensure!(
        belongs(labels, deployment),
        "there is {what} that has no label {DEPLOYMENT_LABEL}={0}, and so is not this deployment's: \
         give it the label if it is, or the deployment another name",
        deployment.name
    );
    Ok(())
}

/// A blank state disk, which follows the policy at the URL `snapshots`. The guest formats it, once.
pub(crate) fn state_disk(
    deployment: &Deployment,
    cloud: &Cloud,
    snapshots: Option<String>,
    run: &(String, String),
) -> Disk {
    let zone = &cloud.zone;
    Disk {
        name: Some(state_disk_name(deployment)),
        description: Some("state of a gateway; outlives its VMs".into()),
        size_gb: Some(deployment.state.disk_gb.into()),
        r#type: Some(format!("zones/{zone}/diskTypes/pd-balanced")),
        labels: labels(deployment, run),
        resource_policies: snapshots.into_iter().collect(),
        disk_encryption_key: cloud.kms_key.clone().map(vm::encryption_key),
        ..Disk::default()
    }
}

/// The way in: the gateway's port, from Identity-Aware Proxy alone.
#[must_use]
pub fn firewall(port: u16, network: &str) -> Firewall {
    Firewall {
        name: Some(format!("{TAG}-iap-{port}")),
        description: Some("the gateway's port, through Identity-Aware Proxy alone".into()),
        network: Some(network.to_owned()),
        direction: Some("INGRESS".into()),
        source_ranges: vec![IAP_RANGE.into()],
        target_tags: vec![TAG.into()],
        allowed: vec![FirewallRule {
            ip_protocol: Some("tcp".into()),
            ports: vec![port.to_string()],
        }],
        ..Firewall::default()
    }
}

/// Digits of the content's digest in a template's name, and in its label.
const DIGITS: [usize; 2] = [8, 32];

/// The template of a VM from an image, named by its content.
pub(super) fn template(
    deployment: &Deployment,
    cloud: &Cloud,
    image: &Image,
    user_data: String,
) -> Result<InstanceTemplate> {
    let mut properties = properties(deployment, cloud, image, user_data)?.template();
    let digest = hex(&Sha256::digest(serde_json::to_vec(&properties)?));
    let [in_name, in_label] = DIGITS.map(|digits| &digest[..digits]);
    let mut name = deployment.name.to_string();
    name.truncate(63 - 1 - in_name.len());
    let name = format!("{}-{in_name}", name.trim_end_matches('-'));
    properties.labels.extend([
        (TEMPLATE.to_owned(), name.clone()),
        (TEMPLATE_CONTENT.to_owned(), in_label.to_owned()),
    ]);
    Ok(InstanceTemplate {
        name: Some(name),
        properties: Some(properties),
        ..InstanceTemplate::default()
    })
}

/// What every VM of a deployment is made of: the one that is launched, and those that try an image.
fn properties<'a>(
    deployment: &'a Deployment,
    cloud: &'a Cloud,
    image: &Image,
    user_data: String,
) -> Result<Properties<'a>> {
    let link = image.self_link.as_deref();
    let link = link.context("the image has no selfLink")?;
    let name = last(link);
    let gateway = image.labels.get(GATEWAY).with_context(|| {
        format!("the image {name} does not say which gateway is in it: it has no label {GATEWAY}")
    })?;
    let labels = [
        (DEPLOYMENT_LABEL, Some(&*deployment.name)),
        (IMAGE, Some(name)),
        (GATEWAY, Some(gateway)),
        (SCHEMA, image.labels.get(SCHEMA).map(String::as_str)),
    ];
    let labels = labels.into_iter();
    Ok(Properties {
        description: None,
        machine_type: &deployment.machine.r#type,
        labels: labels
            .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
            .collect(),
        tag: Some(TAG),
        disks: vec![
            vm::Disk::Boot {
                name: None,
                image: partial(link).to_owned(),
                size_gb: deployment.machine.boot_disk_gb.into(),
                kms_key: cloud.kms_key.clone(),
                auto_delete: true,
            },
            vm::Disk::Existing {
                name: state_disk_name(deployment),
                device: STATE_DEVICE,
            },
        ],
        network: &cloud.network,
        subnetwork: cloud.subnetwork.as_deref(),
        external_ip: cloud.external_ip,
        metadata: vec![item("user-data", user_data)],
        service_account: Some(&cloud.service_account),
        scheduling: Scheduling {
            automatic_restart: Some(true),
            on_host_maintenance: Some("MIGRATE".into()),
            ..Scheduling::default()
        },
    })
}

/// What is said of the VM besides its template. Disks that are made with it are the template's, and carry
/// the run's label: clean-up knows them by it.
pub(super) fn instance(
    deployment: &Deployment,
    zone: &str,
    template: InstanceProperties,
    state_disk: StateDisk,
    nonce: &Nonce,
    run: &(String, String),
) -> Instance {
    let mut disks = vm::disks_in(zone, template.disks);
    let made = disks.iter_mut();
    for params in made.filter_map(|disk| disk.initialize_params.as_mut()) {
        params.labels.extend([run.clone()]);
    }
    let metadata = Metadata {
        fingerprint: None,
        ..template.metadata.unwrap_or_default()
    };
    let mut labels = template.labels;
    labels.extend([run.clone()]);
    Instance {
        name: Some(deployment.name.to_string()),
        disks,
        labels,
        metadata: Some(for_start(metadata, nonce, state_disk)),
        ..Instance::default()
    }
}

/// A URL from its project on: the same at every address of the API.
fn partial(url: &str) -> &str {
    url.find("projects/").map_or(url, |at| &url[at..])
}

/// The last part of a URL: a resource's name.
pub(super) fn last(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

/// An instance's metadata for another start: a new nonce, and what it vouches for. What an earlier
/// start vouched for is gone.
pub(super) fn for_start(mut metadata: Metadata, nonce: &Nonce, state_disk: StateDisk) -> Metadata {
    let said = [Nonce::KEY, MADE_KEY, ADOPT_KEY, GATEWAY_KEY];
    metadata
        .items
        .retain(|item| !said.contains(&item.key.as_deref().unwrap_or_default()));
    metadata.items.push(nonce.item());
    metadata.items.extend(state_disk.items(nonce));
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_start_vouches_for_ends_with_it() {
        let before = Metadata {
            items: vec![item("user-data", "u"), item(Nonce::KEY, "0")],
            ..Metadata::default()
        };
        let said = |metadata: &Metadata| {
            let pair = |item: &MetadataItem| item.key.clone().zip(item.value.clone()).unwrap();
            metadata.items.iter().map(pair).collect::<Vec<_>>()
        };
        let pairs = |pairs: &[(&str, &str)]| {
            let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
            pairs.iter().map(owned).collect::<Vec<_>>()
        };
        let made = for_start(before, &"1".into(), StateDisk::Made);
        assert_eq!(
            said(&made),
            pairs(&[("user-data", "u"), (Nonce::KEY, "1"), (MADE_KEY, "1")])
        );
        let adopted = for_start(made, &"2".into(), StateDisk::found(Adopt::Any));
        assert_eq!(
            said(&adopted),
            pairs(&[("user-data", "u"), (Nonce::KEY, "2"), (ADOPT_KEY, "2")])
        );
        let migrated = for_start(adopted, &"2".into(), StateDisk::found(Adopt::Gateway));
        assert_eq!(
            said(&migrated),
            pairs(&[
                ("user-data", "u"),
                (Nonce::KEY, "2"),
                (ADOPT_KEY, "2"),
                (GATEWAY_KEY, "2")
            ])
        );
        let again = for_start(migrated, &"3".into(), StateDisk::found(Adopt::Own));
        assert_eq!(
            said(&again),
            pairs(&[("user-data", "u"), (Nonce::KEY, "3")])
        );
        assert_eq!(
            Nonce::of(&Instance {
                metadata: Some(again),
                ..Instance::default()
            }),
            Nonce::from("3")
        );
    }

    const KEY: &str = "projects/p/locations/us/keyRings/r/cryptoKeys/k";

    async fn cloud(target: &str) -> (Deployment, Cloud) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "t").unwrap();
        let text = include_str!("../userdata/testdata/clawbake.yaml");
        let target = format!(
            "target: {{gce: {{project: my-project, zone: us-central1-a, \
             credentials: {{token_file: token}}{target}}}}}"
        );
        let text = text.replace("target: local", &target);
        let deployment = Deployment::parse("clawbake.yaml", &text, dir.path()).unwrap();
        let progress = crate::progress::Progress::silent();
        let cloud = Cloud::connect(&deployment.target, &progress).await.unwrap();
        (deployment, cloud)
    }

    fn golden() -> Image {
        let labels = [(GATEWAY, "2026-9-6"), (SCHEMA, "18-23"), ("other", "x")];
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Image {
            self_link: Some("https://x/compute/v1/projects/p/global/images/golden".into()),
            labels: labels.map(owned).into(),
            ..Image::default()
        }
    }

    #[tokio::test]
    async fn a_launch_asks_for_this_template_and_this_instance() {
        let (deployment, cloud) = cloud(&format!(", kms_key: {KEY}, subnetwork: gateways")).await;
        let template = template(&deployment, &cloud, &golden(), "#cloud-config".into()).unwrap();
        insta::assert_snapshot!("template", serde_json::to_string_pretty(&template).unwrap());
        let instance = instance(
            &deployment,
            &cloud.zone,
            template.properties.unwrap(),
            StateDisk::Made,
            &"n".into(),
            &("clawbake-run".to_owned(), "r1".to_owned()),
        );
        insta::assert_snapshot!("instance", serde_json::to_string_pretty(&instance).unwrap());
    }

    #[tokio::test]
    async fn a_templates_name_is_its_contents() {
        let (mut deployment, cloud) = cloud("").await;
        let name = |deployment: &Deployment, image: &Image, user_data: &str| {
            let template = template(deployment, &cloud, image, user_data.into()).unwrap();
            let name = template.name.unwrap();
            assert_eq!(template.properties.unwrap().labels[TEMPLATE], name);
            name
        };
        let golden = golden();
        let first = name(&deployment, &golden, "u");
        assert_eq!(first, name(&deployment, &golden, "u"));
        let newer = Image {
            self_link: Some("https://x/compute/v1/projects/p/global/images/newer".into()),
            ..golden.clone()
        };
        assert_ne!(first, name(&deployment, &newer, "u"));
        assert_ne!(first, name(&deployment, &golden, "v"));
        deployment.machine.r#type = "e2-medium".parse().unwrap();
        assert_ne!(first, name(&deployment, &golden, "u"));
        // Elsewhere the same image has another server.
        let elsewhere = Image {
            self_link: Some("http://127.0.0.1/compute/v1/projects/p/global/images/newer".into()),
            ..golden.clone()
        };
        assert_eq!(
            name(&deployment, &newer, "u"),
            name(&deployment, &elsewhere, "u")
        );
        deployment.name = format!("{}-{}", "a".repeat(53), "b".repeat(9))
            .parse()
            .unwrap();
        let long = name(&deployment, &golden, "u");
        assert!(long.starts_with(&format!("{}-", "a".repeat(53))), "{long}");
        assert_eq!(long.len(), 62, "no two dashes: {long}");
    }

    #[tokio::test]
    async fn templates_are_global_or_of_the_zones_region() {
        let (_, global) = cloud("").await;
        assert_eq!(global.template_region(), None);
        let (_, regional) = cloud(", templates: regional").await;
        assert_eq!(regional.template_region(), Some("us-central1"));
    }

    #[tokio::test]
    async fn an_image_has_to_say_which_gateway_is_in_it() {
        let (deployment, cloud) = cloud("").await;
        let strange = Image {
            labels: Labels::new(),
            ..golden()
        };
        let refused = template(&deployment, &cloud, &strange, "u".into()).unwrap_err();
        assert!(refused.to_string().contains(GATEWAY), "{refused}");
    }
}
