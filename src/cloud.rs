//! Where verbs act: the one place that tells Google from the engine. It picks base URLs, credentials
//! and names; everything else speaks to a [`gce::Client`].

use anyhow::{Context, Result};
use gce::{Client, Credentials, Endpoints, Instance};

use crate::deployment::Target;
use crate::engine::{self, Started};
use crate::paths;
use crate::progress::{Outcome, Progress};

/// The engine's Secret Manager as its VMs reach it: a forward of their private network.
const ENGINE_IN_GUEST: &str = "http://169.254.169.253";
/// The VM's account, unless the deployment names one.
const SERVICE_ACCOUNT: &str = "clawbake-vm";

/// A connected cloud.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// The client, with the project.
    pub client: Client,
    /// Zone of VM and disks.
    pub zone: String,
    /// Partial URL of the network.
    pub network: String,
    /// Partial URL of the subnetwork, if it is not the network's own in the region.
    pub subnetwork: Option<String>,
    /// Bucket for image archives.
    pub bucket: String,
    /// Where images are kept, as a region or a multi-region; Google chooses if there is none.
    pub storage_locations: Vec<String>,
    /// The Cloud KMS key that images are encrypted with, if it is not Google's own.
    pub kms_key: Option<String>,
    /// Email of the VM's service account.
    pub service_account: String,
    /// Secret Manager's base URL as a VM reaches it.
    pub secret_manager_in_guest: String,
    local: bool,
}

impl Cloud {
    /// Connects to the target; the engine is started if it does not run.
    pub async fn connect(target: &Target, progress: &Progress) -> Result<Self> {
        match target {
            Target::Local => {
                let stage = progress.stage("engine");
                let (endpoint, started) = engine::ensure(&paths::engine()?).await?;
                let outcome = if started == Started::Now {
                    Outcome::Done
                } else {
                    Outcome::Cached
                };
                stage.finish(
                    outcome,
                    format!("{} ({})", endpoint.url, endpoint.acceleration),
                );
                let credentials = Credentials::token(endpoint.token);
                let client =
                    Client::new(Endpoints::at(&endpoint.url), credentials, &endpoint.project)?;
                Ok(Self {
                    network: "global/networks/default".into(),
                    subnetwork: None,
                    bucket: bucket(&endpoint.project),
                    storage_locations: Vec::new(),
                    kms_key: None,
                    service_account: service_account(&endpoint.project),
                    secret_manager_in_guest: ENGINE_IN_GUEST.into(),
                    zone: endpoint.zone,
                    client,
                    local: true,
                })
            }
            Target::Gce(gce) => {
                let credentials = Credentials::application_default().context(
                    "finding application-default credentials (`gcloud auth application-default login` makes them)",
                )?;
                let client = Client::new(Endpoints::google(), credentials, &gce.project)?;
                let region = region(&gce.zone);
                let subnetwork = gce
                    .subnetwork
                    .as_ref()
                    .map(|name| format!("regions/{region}/subnetworks/{name}"));
                Ok(Self {
                    network: format!(
                        "global/networks/{}",
                        gce.network.as_deref().unwrap_or("default")
                    ),
                    subnetwork,
                    bucket: gce
                        .bucket
                        .as_ref()
                        .map_or_else(|| bucket(&gce.project), ToString::to_string),
                    storage_locations: gce.storage_locations.clone(),
                    kms_key: gce.kms_key.clone(),
                    service_account: gce
                        .service_account
                        .as_ref()
                        .map_or_else(|| service_account(&gce.project), ToString::to_string),
                    secret_manager_in_guest: Endpoints::google().secret_manager,
                    zone: gce.zone.to_string(),
                    client,
                    local: false,
                })
            }
        }
    }

    /// The region that the zone is in.
    #[must_use]
    pub fn region(&self) -> &str {
        region(&self.zone)
    }

    /// How the gateway of an instance is reached from here.
    #[must_use]
    pub fn reach(&self, instance: &Instance, port: u16) -> Reach {
        let name = instance.name.as_deref().unwrap_or_default();
        let nat_ip = || {
            instance
                .network_interfaces
                .first()?
                .access_configs
                .first()?
                .nat_ip
                .clone()
        };
        match nat_ip().filter(|_| self.local) {
            Some(address) => Reach::Url(format!("http://{address}:{port}/")),
            None => Reach::Tunnel(format!(
                "gcloud compute start-iap-tunnel {name} {port} --local-host-port=localhost:{port} --zone={} --project={}",
                self.zone,
                self.client.project_id(),
            )),
        }
    }
}

/// The way to a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Directly, on loopback.
    Url(String),
    /// Through Identity-Aware Proxy, by this command; then on localhost.
    Tunnel(String),
}

fn region(zone: &str) -> &str {
    zone.rsplit_once('-').map_or(zone, |(region, _)| region)
}

fn bucket(project: &str) -> String {
    format!("{project}-clawbake")
}

fn service_account(project: &str) -> String {
    format!("{SERVICE_ACCOUNT}@{project}.iam.gserviceaccount.com")
}
