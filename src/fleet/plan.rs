//! What a launch creates: pure functions from a deployment and an image to resources.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, ensure};
use gce::{Disk, Firewall, FirewallRule, Metadata, MetadataItem, Scheduling};

use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::userdata::STATE_DEVICE;
use crate::vm::{self, Nonce, Properties, item};

/// An instance of the client's.
pub use gce::Instance;

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

/// What a start tells the guest of its state disk. It holds for this start alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateDisk {
    /// This very launch made it, blank: it may be formatted without reading all of it.
    Made,
    /// It was there before: it is the deployment's own, or refused.
    Own,
    /// It was there before, and is the deployment's from here on, whoever filled it.
    Adopted,
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
            Adopt::Own => Self::Own,
            Adopt::Any | Adopt::Clone => Self::Adopted,
        }
    }

    fn item(self, nonce: &Nonce) -> Option<MetadataItem> {
        let key = match self {
            Self::Made => MADE_KEY,
            Self::Own => return None,
            Self::Adopted => ADOPT_KEY,
        };
        Some(item(key, nonce.to_string()))
    }
}

/// Name of a deployment's state disk.
#[must_use]
pub fn state_disk_name(deployment: &Deployment) -> String {
    let mut name = deployment.name.to_string();
    name.truncate(63 - "-state".len());
    format!("{}-state", name.trim_end_matches('-'))
}

fn labels(deployment: &Deployment, run: &(String, String)) -> BTreeMap<String, String> {
    let own = (DEPLOYMENT_LABEL.to_owned(), deployment.name.to_string());
    BTreeMap::from([own, run.clone()])
}

/// Whether something was made for this deployment.
pub(crate) fn belongs(labels: &BTreeMap<String, String>, deployment: &Deployment) -> bool {
    labels.get(DEPLOYMENT_LABEL).map(String::as_str) == Some(&*deployment.name)
}

/// Refuses what has the name and not the labels of something that was made for this deployment:
/// `what` is somebody else's.
pub(crate) fn ensure_belongs(
    what: &impl fmt::Display,
    labels: &BTreeMap<String, String>,
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

/// The VM.
pub(super) fn instance(
    deployment: &Deployment,
    cloud: &Cloud,
    image: &str,
    user_data: String,
    state_disk: StateDisk,
    nonce: &Nonce,
    run: &(String, String),
) -> Instance {
    let mut metadata = vec![item("user-data", user_data)];
    metadata.extend(state_disk.item(nonce));
    let properties = Properties {
        description: None,
        machine_type: &deployment.machine.r#type,
        labels: labels(deployment, run),
        tag: Some(TAG),
        disks: vec![
            vm::Disk::Boot {
                name: None,
                image: image.to_owned(),
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
        metadata,
        nonce,
        service_account: Some(&cloud.service_account),
        scheduling: Scheduling {
            automatic_restart: Some(true),
            on_host_maintenance: Some("MIGRATE".into()),
            ..Scheduling::default()
        },
    };
    properties.instance(deployment.name.to_string(), &cloud.zone)
}

/// An instance's metadata for another start: a new nonce, and what it vouches for. What an earlier
/// start vouched for is gone.
pub(super) fn for_start(mut metadata: Metadata, nonce: &Nonce, state_disk: StateDisk) -> Metadata {
    let said = [Nonce::KEY, MADE_KEY, ADOPT_KEY];
    metadata
        .items
        .retain(|item| !said.contains(&item.key.as_deref().unwrap_or_default()));
    metadata.items.push(nonce.item());
    metadata.items.extend(state_disk.item(nonce));
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
        let again = for_start(adopted, &"3".into(), StateDisk::found(Adopt::Own));
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

    #[tokio::test]
    async fn a_launch_asks_for_this_instance() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "t").unwrap();
        let text = include_str!("../userdata/testdata/clawbake.yaml");
        let key = "projects/p/locations/us/keyRings/r/cryptoKeys/k";
        let target = format!(
            "target: {{gce: {{project: my-project, zone: us-central1-a, kms_key: {key}, \
             subnetwork: gateways, credentials: {{token_file: token}}}}}}"
        );
        let text = text.replace("target: local", &target);
        let deployment = Deployment::parse("clawbake.yaml", &text, dir.path()).unwrap();
        let progress = crate::progress::Progress::silent();
        let cloud = Cloud::connect(&deployment.target, &progress).await.unwrap();
        let run = ("clawbake-run".to_owned(), "r1".to_owned());
        let instance = instance(
            &deployment,
            &cloud,
            "projects/my-project/global/images/golden",
            "#cloud-config".into(),
            StateDisk::Made,
            &"n".into(),
            &run,
        );
        insta::assert_snapshot!(serde_json::to_string_pretty(&instance).unwrap());
    }
}
