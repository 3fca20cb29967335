use std::{sync::Arc, time::Duration};

use reqwest::{Method, Url};
use serde::de::DeserializeOwned;

use crate::{
    Billing, Buckets, Credentials, Disk, Disks, Endpoints, Firewalls, Images, InstanceTemplate,
    Instances, Kind, MachineType, Objects, Operations, Project, Region, ResourceManager,
    ResourcePolicies, Result, RetryPolicy, Roles, Router, Secrets, ServiceAccounts, Services, Zone,
    endpoints::join,
    transport::{Call, Transport},
};

/// The way to all resources of one project. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) transport: Transport,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) project: Arc<str>,
}

impl Client {
    /// A client for `project`. Nothing is sent yet.
    pub fn new(endpoints: Endpoints, credentials: Credentials, project: &str) -> Result<Self> {
        Ok(Self {
            transport: Transport::new(&endpoints, credentials)?,
            endpoints: Arc::new(endpoints),
            project: project.into(),
        })
    }

    /// The same client with another retry policy.
    #[must_use]
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.transport.policy = policy;
        self
    }

    /// The same client for impatient people: an attempt that is not answered within `timeout` is
    /// given up, and a call is tried again for two and a half times as long, as the two minutes and
    /// five minutes are that hold otherwise.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.transport.limit = timeout;
        self.transport.policy.total = timeout * 5 / 2;
        self
    }

    /// The project that all of this client's resources are in.
    #[must_use]
    pub fn project_id(&self) -> &str {
        &self.project
    }

    /// Images of the client's project.
    #[must_use]
    pub fn images(&self) -> Images {
        Images {
            client: self.clone(),
        }
    }

    /// Images of another project, such as `debian-cloud`.
    #[must_use]
    pub fn images_of(&self, project: &str) -> Images {
        Images {
            client: Self {
                project: project.into(),
                ..self.clone()
            },
        }
    }

    /// Instances in a zone.
    #[must_use]
    pub fn instances(&self, zone: &str) -> Instances {
        Instances {
            client: self.clone(),
            zone: zone.into(),
        }
    }

    /// Disks in a zone.
    #[must_use]
    pub fn disks(&self, zone: &str) -> Disks {
        Disks {
            client: self.clone(),
            zone: zone.into(),
        }
    }

    /// `disks.aggregatedList`: the disks of all zones, all pages.
    pub async fn all_disks(&self) -> Result<Vec<Disk>> {
        self.list_aggregated("disks", "listing disks of all zones".into())
            .await
    }

    /// `instanceTemplates.list`, all pages.
    pub async fn instance_templates(&self) -> Result<Vec<InstanceTemplate>> {
        let url = self.compute_url(&["global", "instanceTemplates"])?;
        self.list(url, None, "listing instance templates".into())
            .await
    }

    /// Operations in a zone, or the global ones.
    #[must_use]
    pub fn operations(&self, zone: Option<&str>) -> Operations {
        Operations {
            client: self.clone(),
            zone: zone.map(Into::into),
        }
    }

    /// Firewalls of the project.
    #[must_use]
    pub fn firewalls(&self) -> Firewalls {
        Firewalls {
            client: self.clone(),
        }
    }

    /// Resource policies in a region.
    #[must_use]
    pub fn resource_policies(&self, region: &str) -> ResourcePolicies {
        ResourcePolicies {
            client: self.clone(),
            region: region.into(),
        }
    }

    /// Secrets of the project.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        Secrets {
            client: self.clone(),
        }
    }

    /// Buckets of the project.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        Buckets {
            client: self.clone(),
        }
    }

    /// Objects in a bucket.
    #[must_use]
    pub fn objects(&self, bucket: &str) -> Objects {
        Objects {
            client: self.clone(),
            bucket: bucket.into(),
        }
    }

    /// APIs of the project.
    #[must_use]
    pub fn services(&self) -> Services {
        Services {
            client: self.clone(),
        }
    }

    /// The project itself.
    #[must_use]
    pub fn resource_manager(&self) -> ResourceManager {
        ResourceManager {
            client: self.clone(),
        }
    }

    /// Who pays for the project.
    #[must_use]
    pub fn billing(&self) -> Billing {
        Billing {
            client: self.clone(),
        }
    }

    /// Service accounts of the project.
    #[must_use]
    pub fn service_accounts(&self) -> ServiceAccounts {
        ServiceAccounts {
            client: self.clone(),
        }
    }

    /// Custom roles of the project.
    #[must_use]
    pub fn roles(&self) -> Roles {
        Roles {
            client: self.clone(),
        }
    }

    /// `zones.get`.
    pub async fn zone(&self, zone: &str) -> Result<Zone> {
        let url = self.compute_url(&["zones", zone])?;
        self.get(url, format!("getting zone {zone}")).await
    }

    /// `regions.get`, with the project's quotas in it.
    pub async fn region(&self, region: &str) -> Result<Region> {
        let url = self.compute_url(&["regions", region])?;
        self.get(url, format!("getting region {region}")).await
    }

    /// `routers.list` of a region, all pages.
    pub async fn routers(&self, region: &str) -> Result<Vec<Router>> {
        let url = self.compute_url(&["regions", region, "routers"])?;
        self.list(url, None, format!("listing routers of {region}"))
            .await
    }

    /// `machineTypes.get`.
    pub async fn machine_type(&self, zone: &str, name: &str) -> Result<MachineType> {
        let url = self.compute_url(&["zones", zone, "machineTypes", name])?;
        self.get(url, format!("getting machine type {name} of zone {zone}"))
            .await
    }

    /// `projects.get`.
    pub async fn project(&self) -> Result<Project> {
        let url = self.compute_url(&[])?;
        self.get(url, format!("getting project {}", self.project))
            .await
    }

    /// The URL of something of Compute Engine in the client's project.
    pub(crate) fn compute_url(&self, path: &[&str]) -> Result<Url> {
        let root = ["compute", "v1", "projects", &self.project];
        join(
            &self.endpoints.compute,
            root.into_iter().chain(path.iter().copied()),
        )
    }

    /// Reads one resource.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url, what: String) -> Result<T> {
        self.send(Call::new(Method::GET, url, &what), &what).await
    }

    /// Sends a call and reads its JSON.
    pub(crate) async fn send<T: DeserializeOwned>(&self, call: Call, what: &str) -> Result<T> {
        self.transport.send(&call).await?.json(what)
    }
}

/// `NotFound` as `None`; any other error stays one.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn only_not_found_reads_as_none() {
        let script = Script::play([Answer::status(404, ""), Answer::status(403, "")]).await;
        let images = script.client().images();
        assert_eq!(images.find("x").await.unwrap(), None);
        assert_eq!(
            images.find("x").await.unwrap_err().kind,
            Kind::PermissionDenied
        );
        assert_eq!(
            script.requests()[0].path(),
            "/compute/v1/projects/p/global/images/x"
        );
    }

    fn sendable(_: impl Send) {}

    #[tokio::test]
    async fn calls_can_be_spawned() {
        let script = Script::play([Answer::json(200, r#"{"name":"op","status":"DONE"}"#)]).await;
        let client = script.client();
        tokio::spawn(async move { client.instances("z").stop("vm").await?.wait().await })
            .await
            .unwrap()
            .unwrap();
        let objects = script.client().objects("b");
        let object = crate::Object::default();
        let path = std::path::Path::new("none");
        sendable(objects.upload(&object, path, |_, _| {}));
        sendable(objects.download("o", &mut Vec::new(), |_, _| {}));
    }
}
