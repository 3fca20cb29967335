use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::{Method, Url};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Billing, Buckets, Credentials, Disk, Disks, Endpoints, Error, Firewalls, Images,
    InstanceTemplate, Instances, Kind, MachineType, Objects, Operation, Operations, Pending,
    Project, Region, ResourceManager, ResourcePolicies, Result, RetryPolicy, Roles, Router,
    Secrets, ServiceAccounts, Services, Zone,
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

    /// Reads a list, all its pages.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        url: Url,
        filter: Option<&str>,
        what: String,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let mut call = Call::new(Method::GET, url.clone(), &what);
            if let Some(filter) = filter {
                call = call.query("filter", filter);
            }
            if !token.is_empty() {
                call = call.query("pageToken", &token);
            }
            let page: Page<T> = self.send(call, &what).await?;
            items.extend(page.items);
            if page.next_page_token.is_empty() {
                return Ok(items);
            }
            if page.next_page_token == token {
                return Err(Error::new(Kind::Corrupt, what, "the same page comes again"));
            }
            token = page.next_page_token;
        }
    }

    /// Reads a list of all zones, all its pages; `collection` is the name that each zone's items have.
    pub(crate) async fn list_aggregated<T: DeserializeOwned>(
        &self,
        collection: &str,
        what: String,
    ) -> Result<Vec<T>> {
        let url = self.compute_url(&["aggregated", collection])?;
        let (mut items, mut token) = (Vec::new(), String::new());
        loop {
            let mut call = Call::new(Method::GET, url.clone(), &what);
            if !token.is_empty() {
                call = call.query("pageToken", &token);
            }
            let page: AggregatedPage = self.send(call, &what).await?;
            for mut scope in page.items.into_values() {
                let found = scope
                    .remove(collection)
                    .unwrap_or_else(|| Value::Array(Vec::new()));
                let found: Vec<T> = serde_json::from_value(found)
                    .map_err(|e| Error::new(Kind::Corrupt, &what, e.to_string()))?;
                items.extend(found);
            }
            if page.next_page_token.is_empty() {
                return Ok(items);
            }
            if page.next_page_token == token {
                return Err(Error::new(Kind::Corrupt, what, "the same page comes again"));
            }
            token = page.next_page_token;
        }
    }

    /// Changes something in Compute Engine, with a `requestId` that all retries share.
    pub(crate) async fn mutate(&self, call: Call, what: String) -> Result<Pending> {
        let call = call.query("requestId", &Uuid::new_v4().to_string());
        let operation: Operation = self.send(call, &what).await?;
        Ok(Pending::new(self.clone(), operation, what))
    }

    /// [`Client::mutate`] by a POST.
    pub(crate) async fn post(
        &self,
        url: Url,
        body: Option<&(impl Serialize + Sync)>,
        what: String,
    ) -> Result<Pending> {
        let mut call = Call::new(Method::POST, url, &what);
        if let Some(body) = body {
            call = call.json(body)?;
        }
        self.mutate(call, what).await
    }

    /// [`Client::mutate`] by a DELETE.
    pub(crate) async fn delete(&self, url: Url, what: String) -> Result<Pending> {
        self.mutate(Call::new(Method::DELETE, url, &what), what)
            .await
    }
}

/// No body in a POST.
pub(crate) const EMPTY: Option<&()> = None;

/// `NotFound` as `None`; any other error stays one.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One page of any list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    #[serde(default = "Vec::new", alias = "secrets", alias = "versions")]
    items: Vec<T>,
    #[serde(default)]
    next_page_token: String,
}

/// One page of a list of all zones: scope, then collection and warnings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AggregatedPage {
    #[serde(default)]
    items: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(default)]
    next_page_token: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn lists_follow_pages_with_the_filter() {
        let script = Script::play([
            Answer::json(200, r#"{"items":[{"name":"a"}],"nextPageToken":"p/2"}"#),
            Answer::json(200, r#"{"nextPageToken":"p/3"}"#),
            Answer::json(200, r#"{"items":[{"name":"b"}]}"#),
        ])
        .await;
        let listed = script
            .client()
            .images()
            .list(Some("family = f"))
            .await
            .unwrap();
        let names: Vec<_> = listed.into_iter().filter_map(|image| image.name).collect();
        assert_eq!(names, ["a", "b"]);
        let requests = script.requests();
        assert!(
            requests
                .iter()
                .all(|r| r.query("filter").as_deref() == Some("family = f"))
        );
        assert_eq!(requests[2].query("pageToken").as_deref(), Some("p/3"));
    }

    #[tokio::test]
    async fn lists_of_all_zones_follow_pages_and_pass_over_empty_zones() {
        let script = Script::play([
            Answer::json(
                200,
                r#"{"items":{"zones/a":{"disks":[{"name":"x"}]},"zones/b":{"warning":{"code":"NO_RESULTS_ON_PAGE"}}},"nextPageToken":"2"}"#,
            ),
            Answer::json(200, r#"{"items":{"zones/b":{"disks":[{"name":"y"}]}}}"#),
        ])
        .await;
        let disks = script.client().all_disks().await.unwrap();
        let names: Vec<_> = disks.into_iter().filter_map(|disk| disk.name).collect();
        assert_eq!(names, ["x", "y"]);
        let requests = script.requests();
        assert_eq!(
            requests[0].path(),
            "/compute/v1/projects/p/aggregated/disks"
        );
        assert_eq!(requests[1].query("pageToken").as_deref(), Some("2"));
    }

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
