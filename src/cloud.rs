//! Where verbs act: the one place that tells Google from the engine. It picks base URLs, credentials
//! and names; everything else speaks to a [`gce::Client`].

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gce::{Client, Credentials, Endpoints, Instance};
use localgce::Endpoint;
use serde::{Deserialize, Serialize};

use crate::deployment::Target;
use crate::engine::{self, Started};
use crate::paths;
use crate::progress::{Outcome, Progress};

/// The engine's Secret Manager as its VMs reach it: a forward of their private network.
const ENGINE_IN_GUEST: &str = "http://169.254.169.253";
/// For impatient people: seconds after which a request without an answer is given up. Calls are tried
/// again for two and a half times as long.
const TIMEOUT: &str = "CLAWBAKE_REQUEST_TIMEOUT";
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
    /// What a journal remembers it by.
    pub place: Place,
}

impl Cloud {
    /// Connects to the target; the engine is started if it does not run.
    pub async fn connect(target: &Target, progress: &Progress) -> Result<Self> {
        match target {
            Target::Local => {
                let stage = progress.stage("engine");
                let dir = paths::engine()?;
                let (endpoint, started) = engine::ensure(&dir).await?;
                let outcome = if started == Started::Now {
                    Outcome::Done
                } else {
                    Outcome::Cached
                };
                stage.finish(
                    outcome,
                    format!("{} ({})", endpoint.url, endpoint.acceleration),
                );
                Ok(Self {
                    network: "global/networks/default".into(),
                    subnetwork: None,
                    bucket: bucket(&endpoint.project),
                    storage_locations: Vec::new(),
                    kms_key: None,
                    service_account: service_account(&endpoint.project),
                    secret_manager_in_guest: ENGINE_IN_GUEST.into(),
                    zone: endpoint.zone.clone(),
                    client: engine_client(endpoint)?,
                    place: Place::Local { engine: dir },
                })
            }
            Target::Gce(gce) => {
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
                    client: google_client(&gce.project)?,
                    place: Place::Gce {
                        project: gce.project.to_string(),
                    },
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
        match nat_ip().filter(|_| matches!(self.place, Place::Local { .. })) {
            Some(address) => Reach::Url(format!("http://{address}:{port}/")),
            None => Reach::Tunnel(format!(
                "gcloud compute start-iap-tunnel {name} {port} --local-host-port=localhost:{port} --zone={} --project={}",
                self.zone,
                self.client.project_id(),
            )),
        }
    }
}

/// What a journal remembers a cloud by: enough to find its resources again, in whatever zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Place {
    /// A project of Google's.
    Gce {
        /// Its id.
        project: String,
    },
    /// An engine on this machine.
    Local {
        /// Its directory.
        engine: PathBuf,
    },
}

impl Place {
    /// A client for what is there; the engine is started if it does not run. `None` if the engine's
    /// directory is gone, and all its resources with it.
    pub async fn client(&self) -> Result<Option<Client>> {
        match self {
            Self::Gce { project } => google_client(project).map(Some),
            Self::Local { engine } if !engine.exists() => Ok(None),
            Self::Local { engine } => {
                let (endpoint, _) = engine::ensure(engine).await?;
                engine_client(endpoint).map(Some)
            }
        }
    }
}

fn engine_client(endpoint: Endpoint) -> Result<Client> {
    let credentials = Credentials::token(endpoint.token);
    client(Endpoints::at(&endpoint.url), credentials, &endpoint.project)
}

fn google_client(project: &str) -> Result<Client> {
    let credentials = Credentials::application_default().context(
        "finding application-default credentials (`gcloud auth application-default login` makes them)",
    )?;
    client(Endpoints::google(), credentials, project)
}

fn client(endpoints: Endpoints, credentials: Credentials, project: &str) -> Result<Client> {
    let client = Client::new(endpoints, credentials, project)?;
    let Some(seconds) = std::env::var_os(TIMEOUT) else {
        return Ok(client);
    };
    let seconds = seconds.to_str().and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or_default();
    ensure!(seconds > 0, "{TIMEOUT} is not a number of seconds");
    Ok(client.with_timeout(Duration::from_secs(seconds)))
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
