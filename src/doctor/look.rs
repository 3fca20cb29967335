use std::collections::BTreeMap;

use anyhow::Result;
use gce::{Quota, SecretVersion};

use super::quota::Needs;
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::setup::{self, Desired, Observed, permissions};

/// What a project has, beyond what `setup` looks at.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub desired: Desired,
    pub observed: Observed,
    /// Which of all verbs' permissions the caller has; none if that could not be found out.
    pub granted: Option<Vec<String>>,
    /// Versions of the secrets that exist.
    pub versions: BTreeMap<String, Vec<SecretVersion>>,
    /// The version that the deployment wants, by the secret's name.
    pub wanted: BTreeMap<String, String>,
    /// Quotas of the region, and what the VM will use of them.
    pub quotas: Option<(Vec<Quota>, Needs)>,
    pub family: String,
    /// Name of the family's newest image.
    pub image: Option<String>,
    pub external_ip: bool,
    /// Whether the VM's network has a public Cloud NAT in the region.
    pub nat: bool,
    /// The network's name.
    pub network: String,
}

impl Seen {
    /// Whether an API can be called.
    pub fn serves(&self, api: &str) -> bool {
        let Observed {
            services, billing, ..
        } = &self.observed;
        let on = |api: &str| services.contains(&format!("{api}.googleapis.com"));
        let free = matches!(api, "cloudbilling" | "cloudresourcemanager" | "iam");
        on(api) && (free || billing.is_some() || !on("cloudbilling"))
    }
}

pub(super) async fn look(deployment: &Deployment, cloud: &Cloud) -> Result<Seen> {
    let client = &cloud.client;
    let desired = Desired::of(deployment, cloud);
    let observed = setup::observe(client, &desired).await?;
    let recipe = &deployment.recipe;
    let wanted = deployment.secrets.values();
    let network = cloud.network.rsplit('/').next().unwrap_or_default();
    let mut seen = Seen {
        desired,
        observed,
        granted: None,
        versions: BTreeMap::new(),
        wanted: wanted
            .map(|secret| (secret.name.to_string(), secret.version.clone()))
            .collect(),
        quotas: None,
        family: recipe.family.to_string(),
        image: None,
        external_ip: cloud.external_ip,
        nat: false,
        network: network.to_owned(),
    };
    if seen.serves("cloudresourcemanager") {
        let manager = client.resource_manager();
        seen.granted = Some(manager.test_iam_permissions(&permissions::all()).await?);
    }
    if seen.serves("secretmanager") {
        for name in seen.observed.secrets.keys() {
            let versions = client.secrets().versions(name).await?;
            seen.versions.insert(name.clone(), versions);
        }
    }
    if seen.serves("compute") {
        let exists = client.instances(&cloud.zone).find(&deployment.name).await?;
        let machine = &deployment.machine;
        let kind = client.machine_type(&cloud.zone, &machine.r#type).await?;
        let needs = Needs {
            cpus: kind.guest_cpus.unwrap_or_default(),
            disk_gb: machine.boot_disk_gb + deployment.state.disk_gb,
            address: cloud.external_ip,
        };
        // A VM that exists is counted in the quotas' usage.
        let needs = if exists.is_some() {
            Needs::default()
        } else {
            needs
        };
        seen.quotas = Some((client.region(cloud.region()).await?.quotas, needs));
        let image = client.images().find_in_family(&recipe.family).await?;
        seen.image = image.and_then(|image| image.name);
        if !cloud.external_ip {
            let routers = client.routers(cloud.region()).await?;
            seen.nat = routers.iter().any(|router| {
                let url = router.network.as_deref().unwrap_or_default();
                url.rsplit('/').next() == Some(&seen.network)
                    && router
                        .nats
                        .iter()
                        .any(|nat| nat.r#type.as_deref() != Some("PRIVATE"))
            });
        }
    }
    Ok(seen)
}
