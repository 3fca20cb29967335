//! The engine as it is, past client and proxy: what is there, and the way back to what was there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use localgce::Endpoint;
use reqwest::{Client, Method};
use serde_json::Value;
use tokio::runtime::Runtime;

/// Every resource by its path below the base URL.
pub type Inventory = BTreeMap<String, Value>;

/// How long a deletion may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Api {
    endpoint: Endpoint,
    http: Client,
    runtime: Runtime,
}

impl Api {
    pub fn of(engine: &Path) -> Self {
        let deadline = Instant::now() + PATIENCE;
        let endpoint = loop {
            if let Some(endpoint) = Endpoint::read(engine).unwrap() {
                break endpoint;
            }
            assert!(Instant::now() < deadline, "the engine does not listen");
            std::thread::sleep(Duration::from_millis(50));
        };
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            endpoint,
            http: Client::builder().no_proxy().build().unwrap(),
            runtime: { runtime }.enable_all().build().unwrap(),
        }
    }

    fn call(&self, method: &Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self
            .http
            .request(method.clone(), format!("{}/{path}", self.endpoint.url))
            .bearer_auth(&self.endpoint.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let bytes = answer.bytes().await.unwrap();
            (status, serde_json::from_slice(&bytes).unwrap_or_default())
        })
    }

    pub fn zonal(&self, collection: &str) -> String {
        let Endpoint { project, zone, .. } = &self.endpoint;
        format!("compute/v1/projects/{project}/zones/{zone}/{collection}")
    }

    pub fn global(&self, collection: &str) -> String {
        let project = &self.endpoint.project;
        format!("compute/v1/projects/{project}/global/{collection}")
    }

    fn bucket(&self) -> String {
        format!("storage/v1/b/{}-clawbake", self.endpoint.project)
    }

    pub fn objects(&self) -> String {
        format!("{}/o", self.bucket())
    }

    pub fn post(&self, path: &str, body: &Value) {
        let (status, answer) = self.call(&Method::POST, path, Some(body));
        assert_eq!(status, 200, "{path}: {answer}");
    }

    /// A small object in the bucket.
    pub fn upload(&self, name: &str) {
        let path = format!("upload/{}?uploadType=media&name={name}", self.objects());
        self.post(&path, &Value::Null);
    }

    /// What is there, in the order in which it can be deleted. The bucket and the way in belong to the
    /// project, whoever needs them first.
    pub fn inventory(&self) -> Inventory {
        let secrets = format!("v1/projects/{}/secrets", self.endpoint.project);
        let collections = [
            self.zonal("instances"),
            self.zonal("disks"),
            self.global("images"),
            self.objects(),
            secrets,
        ];
        let mut found = Inventory::new();
        for collection in collections {
            let (_, list) = self.call(&Method::GET, &collection, None);
            let items = list["items"].as_array().or(list["secrets"].as_array());
            for item in items.into_iter().flatten() {
                let name = item["name"].as_str().unwrap();
                let name = name.rsplit_once("secrets/").map_or(name, |(_, name)| name);
                found.insert(format!("{collection}/{name}"), item.clone());
            }
        }
        found
    }

    /// Deletes what is not in `base`, and what belongs to the project, so that the next run makes it
    /// again.
    pub fn restore(&self, base: &Inventory) {
        let extra = |collection: &str| {
            let found = self.inventory().into_keys();
            let mut extra: Vec<_> = found.filter(|path| !base.contains_key(path)).collect();
            extra.retain(|path| path.contains(collection));
            extra
        };
        for collection in ["/instances/", "/disks/", "/images/", "/o/"] {
            for path in extra(collection) {
                self.delete(&path);
            }
        }
        let (_, firewalls) = self.call(&Method::GET, &self.global("firewalls"), None);
        for firewall in firewalls["items"].as_array().into_iter().flatten() {
            let name = firewall["name"].as_str().unwrap();
            if name.starts_with("clawbake-") {
                self.delete(&format!("{}/{name}", self.global("firewalls")));
            }
        }
    }

    fn delete(&self, path: &str) {
        let deadline = Instant::now() + PATIENCE;
        // What is being made or attached refuses for a moment.
        while self.call(&Method::GET, path, None).0 != 404 {
            self.call(&Method::DELETE, path, None);
            assert!(Instant::now() < deadline, "{path} stays");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
