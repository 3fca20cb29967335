//! What is in the template of a VM, and its name, which says what is in it.

use anyhow::{Context, Result};
use gce::{Image, InstanceTemplate, Scheduling};
use sha2::{Digest, Sha256};

use super::disk::state_disk_name;
use super::firewall::TAG;
use super::owner::DEPLOYMENT_LABEL;
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::image::key::hex;
use crate::labels::{GATEWAY, IMAGE, SCHEMA, TEMPLATE, TEMPLATE_CONTENT};
use crate::userdata::STATE_DEVICE;
use crate::vm::{self, Properties, item, last};

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

/// A URL from its project on: the same at every address of the API.
fn partial(url: &str) -> &str {
    url.find("projects/").map_or(url, |at| &url[at..])
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

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

    /// A deployment, and the template of a VM of its.
    pub(in crate::fleet) async fn example() -> (Deployment, InstanceTemplate) {
        let (deployment, cloud) = cloud(&format!(", kms_key: {KEY}, subnetwork: gateways")).await;
        let template = template(&deployment, &cloud, &golden(), "#cloud-config".into()).unwrap();
        (deployment, template)
    }

    #[tokio::test]
    async fn a_launch_asks_for_this_template() {
        let (_, template) = example().await;
        insta::assert_snapshot!("template", serde_json::to_string_pretty(&template).unwrap());
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
            labels: BTreeMap::new(),
            ..golden()
        };
        let refused = template(&deployment, &cloud, &strange, "u".into()).unwrap_err();
        assert!(refused.to_string().contains(GATEWAY), "{refused}");
    }
}
