use gce::{Bucket, Firewall};

use super::permissions;
use crate::bucket;
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::fleet;

/// The deployer's custom role, by its id in the project.
pub const ROLE: &str = "clawbakeDeployer";
/// The service account that bakes and launches, where no person's account does.
const DEPLOYER: &str = "clawbake-deployer";

/// The APIs that clawbake calls, setup included.
pub const SERVICES: [&str; 10] = [
    "cloudbilling.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "iap.googleapis.com",
    "secretmanager.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
];

/// What a deployment needs in its project.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The project's id.
    pub project: String,
    /// Whether to create the project if it does not exist.
    pub create: bool,
    /// The billing account to link it to, such as `012345-567890-ABCDEF`; without one, the project keeps
    /// the account that it has.
    pub billing_account: Option<String>,
    /// Permissions of the deployer's role, sorted.
    pub permissions: Vec<String>,
    /// The account that bakes and launches.
    pub deployer: String,
    /// The VM's account.
    pub vm: String,
    /// Names of the deployment's secrets.
    pub secrets: Vec<String>,
    /// The firewall rule that lets users in.
    pub firewall: Firewall,
    /// The bucket of image archives.
    pub bucket: Bucket,
    /// The region of VM and disks.
    pub region: String,
}

impl Desired {
    /// Derives it from a deployment.
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
            bucket: bucket::bucket(cloud),
            region: cloud.region().to_owned(),
        }
    }

    /// The custom role's full name.
    #[must_use]
    pub fn role(&self) -> String {
        format!("projects/{}/roles/{ROLE}", self.project)
    }

    /// The id of a service account; none if it belongs to another project.
    #[must_use]
    pub fn own_id<'a>(&self, email: &'a str) -> Option<&'a str> {
        let (id, at) = email.split_once('@')?;
        (at == domain(&self.project)).then_some(id)
    }
}

/// Domain of a project's service accounts. Ids of the oldest projects, `example.com:name`, are reversed.
fn domain(project: &str) -> String {
    match project.split_once(':') {
        Some((domain, name)) => format!("{name}.{domain}.iam.gserviceaccount.com"),
        None => format!("{project}.iam.gserviceaccount.com"),
    }
}
