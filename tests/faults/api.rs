//! The engine as it is, past client and proxy: what is there, and the way back to what was there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use world::Endpoint;

/// Every resource by its path below the base URL.
pub type Inventory = BTreeMap<String, Value>;

/// How long a deletion may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Api {
    endpoint: Endpoint,
    http: Client,
    /// `None` once it is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Api {
    /// Also where nobody may wait: the last one may be the proxy's.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Api {
    pub fn of(engine: &Path) -> Self {
        let endpoint = Endpoint::read(engine).expect("an engine");
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            endpoint,
            // What has been idle for long may be closed when it is asked next.
            http: Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()
                .unwrap(),
            runtime: { runtime }.enable_all().build().ok(),
        }
    }

    /// The owner's.
    pub fn token(&self) -> &str {
        &self.endpoint.token
    }

    /// Project and zone, as a deployment's target has them.
    pub fn place(&self) -> String {
        let Endpoint { project, zone, .. } = &self.endpoint;
        format!("project: {project}, zone: {zone}")
    }

    /// The email of one of the project's accounts.
    pub fn account(&self, id: &str) -> String {
        format!("{id}@{}.iam.gserviceaccount.com", self.endpoint.project)
    }

    /// Gives a custom role these permissions, and no others.
    pub fn permit(&self, role: &str, permissions: &BTreeSet<String>) {
        let path = format!("v1/projects/{}/roles/{role}", self.endpoint.project);
        let body = json!({"includedPermissions": permissions});
        let path = format!("{path}?updateMask=includedPermissions");
        let (status, answer) = self.call(&Method::PATCH, &path, Some(&body));
        assert_eq!(status, 200, "{answer}");
    }

    fn call(&self, method: &Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self
            .http
            .request(method.clone(), format!("{}/{path}", self.endpoint.url))
            .bearer_auth(&self.endpoint.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let runtime = self.runtime.as_ref().expect("a runtime");
        runtime.block_on(async {
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

    pub fn secrets(&self) -> String {
        format!("v1/projects/{}/secrets", self.endpoint.project)
    }

    /// A disk, as images and instances refer to it.
    pub fn disk_url(&self, name: &str) -> String {
        self.zonal(&format!("disks/{name}"))
            .replace("compute/v1/", "")
    }

    /// The project's own bucket for archives, and one that others have made.
    pub fn buckets(&self) -> [String; 2] {
        let own = format!("{}-clawbake", self.endpoint.project);
        [own.clone(), format!("{own}-2")]
    }

    pub fn make_bucket(&self, name: &str) {
        let path = format!("storage/v1/b?project={}", self.endpoint.project);
        self.post(&path, &json!({"name": name}));
    }

    pub fn post(&self, path: &str, body: &Value) {
        let (status, answer) = self.call(&Method::POST, path, Some(body));
        assert_eq!(status, 200, "{path}: {answer}");
    }

    /// A small object.
    pub fn upload(&self, bucket: &str, name: &str) {
        let path = format!("upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}");
        self.post(&path, &Value::Null);
    }

    /// Sends all of an object to its upload session, whose address is as a VM reaches it.
    pub fn put(&self, url: &str, bytes: &'static [u8]) -> Value {
        let path = url.splitn(4, '/').nth(3).unwrap();
        let request = self.http.put(format!("{}/{path}", self.endpoint.url));
        let runtime = self.runtime.as_ref().expect("a runtime");
        runtime.block_on(async {
            let answer = request.body(bytes).send().await.unwrap();
            answer.json().await.unwrap_or_default()
        })
    }

    /// Makes an image, and waits until it is there.
    pub fn make_image(&self, body: &Value) {
        self.make(&self.global("images"), body);
    }

    /// Makes a disk, and waits until it is there.
    pub fn make_disk(&self, body: &Value) {
        self.make(&self.zonal("disks"), body);
    }

    /// A disk with a deployment's state, which follows a schedule that the deployment has had before.
    pub fn make_state(&self, name: &str, deployment: &str) {
        let before = "clawbake-daily-05h-keep-14d";
        let schedule = json!({"dailySchedule": {"daysInCycle": 1, "startTime": "05:00"}});
        self.make(
            &self.regional("resourcePolicies"),
            &json!({"name": before, "snapshotSchedulePolicy": {"schedule": schedule}}),
        );
        self.make_disk(&json!({
            "name": name,
            "sizeGb": "10",
            "labels": {"clawbake-deployment": deployment},
            "resourcePolicies": [self.regional("resourcePolicies").replace("compute/v1/", "") + "/" + before],
        }));
    }

    fn regional(&self, collection: &str) -> String {
        let Endpoint { project, zone, .. } = &self.endpoint;
        let (region, _) = zone.rsplit_once('-').unwrap();
        format!("compute/v1/projects/{project}/regions/{region}/{collection}")
    }

    fn make(&self, collection: &str, body: &Value) {
        self.post(collection, body);
        let name = body["name"].as_str().unwrap();
        self.until(&format!("{collection}/{name}"), "READY");
    }

    /// Waits for a resource's status.
    pub fn until(&self, path: &str, status: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.call(&Method::GET, path, None).1["status"] != status {
            assert!(Instant::now() < deadline, "{path} is not {status}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What is there, in the order in which it can be deleted. Buckets and the way in belong to the
    /// project, whoever needs them first.
    pub fn inventory(&self) -> Inventory {
        let mut collections = vec![
            self.global("images"),
            self.global("instanceTemplates"),
            self.regional("instanceTemplates"),
            self.secrets(),
        ];
        collections.extend(
            self.buckets()
                .map(|bucket| format!("storage/v1/b/{bucket}/o")),
        );
        let mut found = self.vms_and_copies();
        found.extend(self.list(&collections));
        found
    }

    /// VMs, disks and snapshots.
    pub fn vms_and_copies(&self) -> Inventory {
        self.list(&[
            self.zonal("instances"),
            self.zonal("disks"),
            self.global("snapshots"),
        ])
    }

    fn list(&self, collections: &[String]) -> Inventory {
        let mut found = Inventory::new();
        for collection in collections {
            let (_, list) = self.call(&Method::GET, collection, None);
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
        loop {
            let found = self.inventory().into_keys();
            let extra: Vec<_> = found.filter(|path| !base.contains_key(path)).collect();
            if extra.is_empty() {
                break;
            }
            for collection in [
                "/instances/",
                "/disks/",
                "/snapshots/",
                "/instanceTemplates/",
                "/images/",
                "/o/",
                "/secrets/",
            ] {
                for path in extra.iter().filter(|path| path.contains(collection)) {
                    self.delete(path);
                }
            }
        }
        for collection in [self.global("firewalls"), self.regional("resourcePolicies")] {
            let (_, list) = self.call(&Method::GET, &collection, None);
            for item in list["items"].as_array().into_iter().flatten() {
                let name = item["name"].as_str().unwrap();
                if name.starts_with("clawbake-") && item["disabled"] != true {
                    self.delete(&format!("{collection}/{name}"));
                }
            }
        }
    }

    /// The image that a VM's boot disk was made from, and the version of the gateway that it says.
    pub fn image_of(&self, vm: &str) -> (String, Option<String>) {
        let name = |url: &Value| {
            let url = url.as_str().unwrap_or_default();
            url.rsplit('/').next().unwrap_or_default().to_owned()
        };
        let get = |path: String| self.call(&Method::GET, &path, None).1;
        let image = name(&get(self.zonal(&format!("disks/{vm}")))["sourceImage"]);
        let labels = &get(self.global(&format!("images/{image}")))["labels"];
        let version = labels["clawbake-gateway"].as_str();
        (image, version.map(|label| label.replacen('-', ".", 2)))
    }

    /// Stops a VM, and waits until it is off.
    pub fn stop(&self, vm: &str) {
        let vm = self.zonal(&format!("instances/{vm}"));
        self.post(&format!("{vm}/stop"), &Value::Null);
        self.until(&vm, "TERMINATED");
    }

    /// Takes a snapshot of the deployment's state, as a verb does.
    pub fn save(&self, disk: &str, name: &str, deployment: &str, why: &str) {
        let labels = json!({"clawbake-deployment": deployment, "clawbake-why": why});
        let body = json!({"name": name, "sourceDisk": self.disk_url(disk), "labels": labels});
        self.make(&self.global("snapshots"), &body);
    }

    /// Makes again what is missing of these images or has changed, and what is newer: their order in time
    /// stays.
    pub fn restock(&self, images: &[Value]) {
        let there = self.inventory();
        let path = |image: &Value| {
            let name = image["name"].as_str().unwrap();
            format!("{}/{name}", self.global("images"))
        };
        let stands = |image: &Value| {
            let there = there.get(&path(image));
            there.is_some_and(|there| {
                ["family", "labels", "deprecated"].map(|field| &there[field])
                    == ["family", "labels", "deprecated"].map(|field| &image[field])
            })
        };
        let standing = images.iter().take_while(|image| stands(image)).count();
        for image in &images[standing..] {
            self.delete(&path(image));
            self.make_image(image);
        }
    }

    pub fn delete(&self, path: &str) {
        let deadline = Instant::now() + PATIENCE;
        // What is being made or attached refuses for a moment.
        while self.call(&Method::GET, path, None).0 != 404 {
            self.call(&Method::DELETE, path, None);
            assert!(Instant::now() < deadline, "{path} stays");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
