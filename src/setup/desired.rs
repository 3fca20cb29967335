use gce::{Bucket, Firewall};

use super::permissions;
use crate::bake;
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::fleet;

/// The deployer's custom role, by its id in the project.
pub const ROLE: &str = "clawbakeDeployer";
/// The account that bakes and launches, when nobody's own does.
const DEPLOYER: &str = "clawbake-deployer";

/// The APIs that clawbake and this set-up call.
pub const SERVICES: [&str; 9] = [
    "cloudbilling.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "iap.googleapis.com",
    "secretmanager.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
];

/// What a project is to have for a deployment.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The project's id.
    pub project: String,
    /// Whether the project is made if there is none.
    pub create: bool,
    /// The billing account that is to pay for it, such as `012345-567890-ABCDEF`; whichever it is
    /// linked to, if none is given.
    pub billing_account: Option<String>,
    /// Permissions of the deployer's role, sorted.
    pub permissions: Vec<String>,
    /// The account that bakes and launches.
    pub deployer: String,
    /// The VM's account.
    pub vm: String,
    /// Names of the deployment's secrets.
    pub secrets: Vec<String>,
    /// The way in.
    pub firewall: Firewall,
    /// The bucket of image archives.
    pub bucket: Bucket,
    /// The region of VM and disks.
    pub region: String,
}

impl Desired {
    /// What a deployment asks of its project.
    #[must_use]
    pub fn of(deployment: &Deployment, cloud: &Cloud) -> Self {
        let project = cloud.client.project_id();
        let mut secrets: Vec<_> = deployment
            .secrets
            .values()
            .map(|secret| secret.name.to_string())
            .collect();
        secrets.sort_unstable();
        secrets.dedup();
        Self {
            project: project.to_owned(),
            create: false,
            billing_account: None,
            permissions: permissions::all().into_iter().map(str::to_owned).collect(),
            deployer: format!("{DEPLOYER}@{}", domain(project)),
            vm: cloud.service_account.clone(),
            secrets,
            firewall: fleet::firewall(deployment.recipe.gateway.ports.front, &cloud.network),
            bucket: bake::bucket(cloud),
            region: cloud.region().to_owned(),
        }
    }

    /// The custom role's full name.
    #[must_use]
    pub fn role(&self) -> String {
        format!("projects/{}/roles/{ROLE}", self.project)
    }

    /// The id of an account of this project; none for one of another project.
    #[must_use]
    pub fn own_id<'a>(&self, email: &'a str) -> Option<&'a str> {
        let (id, at) = email.split_once('@')?;
        (at == domain(&self.project)).then_some(id)
    }
}

/// Where a project's accounts are. Ids of the oldest projects, `example.com:name`, turn around.
fn domain(project: &str) -> String {
    match project.split_once(':') {
        Some((domain, name)) => format!("{name}.{domain}.iam.gserviceaccount.com"),
        None => format!("{project}.iam.gserviceaccount.com"),
    }
}
