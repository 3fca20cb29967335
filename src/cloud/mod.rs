//! Where verbs act: the only place that knows Google from the engine. It chooses base URLs, credentials
//! and names. Everything else uses a [`gce::Client`].

mod connect;
mod place;

use std::path::PathBuf;

use anyhow::Result;
use gce::{Client, Instance};

use crate::deployment::{Endpoint, Gce, Target};
use crate::engine::{self, Started};
use crate::paths;
use crate::progress::{Outcome, Progress};

pub use place::Place;

/// The engine's APIs as seen from its VMs: forwarded from their private network.
const ENGINE_IN_GUEST: &str = "http://169.254.169.253";
/// The VM's account, unless the deployment names one.
const SERVICE_ACCOUNT: &str = "clawbake-vm";

/// A connected cloud.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// The client of the project.
    pub client: Client,
    /// Zone of VM and disks.
    pub zone: String,
    /// Partial URL of the network.
    pub network: String,
    /// Partial URL of the subnetwork, unless it is the network's default in the region.
    pub subnetwork: Option<String>,
    /// Whether VMs have an external address.
    pub external_ip: bool,
    /// Whether instance templates are those of the region, and not global.
    pub regional_templates: bool,
    /// Bucket for image archives.
    pub bucket: String,
    /// Where images are stored: a region or a multi-region. By default Google chooses.
    pub storage_locations: Vec<String>,
    /// The Cloud KMS key of disks and images, unless it is Google's own.
    pub kms_key: Option<String>,
    /// Email of the VM's service account.
    pub service_account: String,
    /// Secret Manager's base URL as a VM reaches it.
    pub secret_manager_in_guest: String,
    /// How a journal identifies it.
    pub place: Place,
    /// The engine, if the target is `local`: nothing has to be set up there.
    pub engine: Option<Engine>,
    /// Whether VMs run on this machine, with their gateways on loopback.
    local: bool,
}

/// The engine of the target `local`.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Where it keeps resources and disks.
    pub dir: PathBuf,
    /// How guests are run: `kvm` or `tcg`.
    pub acceleration: String,
    /// Why they are emulated although KVM was wanted.
    pub emulated: Option<String>,
}

impl Cloud {
    /// Connects to the target; the engine is started if it does not run.
    pub async fn connect(target: &Target, progress: &Progress) -> Result<Self> {
        match target {
            Target::Local => Self::engine(progress).await,
            Target::Gce(gce) => Self::google(gce, progress).await,
        }
    }

    async fn engine(progress: &Progress) -> Result<Self> {
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
        let (acceleration, emulated) = (endpoint.acceleration.clone(), endpoint.emulated.clone());
        Ok(Self {
            network: "global/networks/default".into(),
            subnetwork: None,
            external_ip: true,
            regional_templates: false,
            bucket: bucket_name(&endpoint.project),
            storage_locations: Vec::new(),
            kms_key: None,
            service_account: service_account(&endpoint.project),
            secret_manager_in_guest: ENGINE_IN_GUEST.into(),
            zone: endpoint.zone.clone(),
            client: connect::engine(endpoint)?,
            place: Place::Local {
                engine: dir.clone(),
            },
            engine: Some(Engine {
                dir,
                acceleration,
                emulated,
            }),
            local: true,
        })
    }

    async fn google(gce: &Gce, progress: &Progress) -> Result<Self> {
        let stage = progress.stage("cloud");
        let place = Place::Gce {
            project: gce.project.to_string(),
            access: gce.credentials.clone(),
            endpoint: gce.endpoint.as_ref().map(|url| url.as_str().to_owned()),
        };
        let credentials = connect::credentials(&gce.credentials).await?;
        stage.finish(
            Outcome::Done,
            format!("{} in {} as {credentials}", gce.project, gce.zone),
        );
        let endpoints = connect::endpoints(gce.endpoint.as_ref().map(Endpoint::as_str));
        // A loopback address belongs to an engine: Google's APIs are never on this machine.
        let local = endpoints.are_loopback();
        let secret_manager_in_guest = if local {
            ENGINE_IN_GUEST.into()
        } else {
            endpoints.secret_manager.clone()
        };
        let project: &str = &gce.project;
        let or_default = |named: Option<String>, default: fn(&str) -> String| {
            named.unwrap_or_else(|| default(project))
        };
        Ok(Self {
            network: format!(
                "global/networks/{}",
                gce.network.as_deref().unwrap_or("default")
            ),
            subnetwork: gce
                .subnetwork
                .as_ref()
                .map(|name| format!("regions/{}/subnetworks/{name}", region_of(&gce.zone))),
            external_ip: gce.external_ip,
            regional_templates: gce.regional_templates,
            bucket: or_default(gce.bucket.as_ref().map(ToString::to_string), bucket_name),
            storage_locations: gce.storage_locations.clone(),
            kms_key: gce.kms_key.clone(),
            service_account: or_default(
                gce.service_account.as_ref().map(ToString::to_string),
                service_account,
            ),
            secret_manager_in_guest,
            zone: gce.zone.to_string(),
            client: connect::client(endpoints, credentials, project)?,
            place,
            engine: None,
            local,
        })
    }

    /// The region that the zone is in.
    #[must_use]
    pub fn region(&self) -> &str {
        region_of(&self.zone)
    }

    /// The address of one of the cloud's APIs, given as this machine reaches it, as a VM does.
    #[must_use]
    pub fn in_guest(&self, url: &str) -> String {
        let origin = url.find("://").map(|end| end + "://".len());
        let path = origin.and_then(|start| url[start..].find('/').map(|length| start + length));
        match path {
            Some(path) if self.local => format!("{ENGINE_IN_GUEST}{}", &url[path..]),
            _ => url.to_owned(),
        }
    }

    /// The region of the instance templates; none if they are global.
    #[must_use]
    pub fn template_region(&self) -> Option<&str> {
        self.regional_templates.then(|| self.region())
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
    /// Through Identity-Aware Proxy with this command, then on localhost.
    Tunnel(String),
}

fn region_of(zone: &str) -> &str {
    zone.rsplit_once('-').map_or(zone, |(region, _)| region)
}

fn bucket_name(project: &str) -> String {
    format!("{project}-clawbake")
}

fn service_account(project: &str) -> String {
    format!("{SERVICE_ACCOUNT}@{project}.iam.gserviceaccount.com")
}
