//! An engine as a process of its own, and a client that is no part of this project. What passes between
//! them is held to Google's contract.

use std::path::Path;
use std::process::Stdio;

use contract::{Content, Exchange, Sender};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use wire::Proxy;
use world::Endpoint;

/// The URL of all that the tests make.
pub const ZONE: &str = "/compute/v1/projects/clawbake-local/zones/us-central1-a";
pub const GLOBAL: &str = "/compute/v1/projects/clawbake-local/global";

/// Where a guest finds its instance's metadata.
pub const METADATA: &str = "http://metadata.google.internal/computeMetadata/v1/instance";

/// A running engine.
pub struct Engine {
    pub dir: TempDir,
    pub endpoint: Endpoint,
    pub http: Client,
    /// The engine's own URL; that of the endpoint is the proxy's.
    pub direct: String,
    process: world::Engine,
    _proxy: Proxy,
}

/// Starts an engine by a program that goes before its own words.
fn spawn_by(program: &[&str], dir: &Path) -> world::Engine {
    let words = [program, &[env!("CARGO_BIN_EXE_localgce")]].concat();
    let options = ["--accel", "halted", "--power-off", "1"];
    world::Engine::spawn(&words, &options, dir, Stdio::piped())
}

/// Starts an engine that is to refuse, and returns what it says.
pub fn refused(dir: &Path) -> String {
    spawn_by(&[], dir).refusal()
}

impl Engine {
    pub fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    pub fn start_in(dir: TempDir) -> Self {
        Self::start_by(&[], dir)
    }

    pub fn start_by(program: &[&str], dir: TempDir) -> Self {
        let mut process = spawn_by(program, dir.path());
        let mut endpoint = process.endpoint();
        let proxy = Proxy::start(dir.path(), "engine");
        let direct = std::mem::replace(&mut endpoint.url, proxy.url().into());
        Self {
            dir,
            endpoint,
            http: Client::new(),
            direct,
            process,
            _proxy: proxy,
        }
    }

    /// Stops it by SIGTERM, and again for its machines, and starts another one in its place.
    pub fn restart(mut self) -> Self {
        assert!(self.process.stop(), "the engine does not stop");
        let elsewhere = tempfile::tempdir().unwrap();
        let dir = std::mem::replace(&mut self.dir, elsewhere);
        // Its proxy may fail the test here, before there is another engine to leave behind.
        drop(self);
        Self::start_in(dir)
    }

    /// Ends it as SIGKILL does, and returns its directory and what it has said.
    pub fn kill(mut self) -> (TempDir, String) {
        let said = self.process.kill();
        let elsewhere = tempfile::tempdir().unwrap();
        (std::mem::replace(&mut self.dir, elsewhere), said)
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.endpoint.url);
        self.http
            .request(method, url)
            .bearer_auth(&self.endpoint.token)
    }

    /// Sends a request, and returns what came back.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(method, path).json(body)).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = answer(self.request(Method::GET, path)).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, body) = self.call(Method::POST, path, body).await;
        assert_eq!(status, 200, "POST {path}: {body}");
        body
    }

    /// What a request that fails is told: code, reason or status, message.
    pub async fn refusal(&self, method: Method, path: &str, body: &Value) -> (u16, String, String) {
        let (status, body) = self.call(method, path, body).await;
        let error = &body["error"];
        assert_eq!(error["code"], status.as_u16(), "{body}");
        let reason = error["errors"][0]["reason"]
            .as_str()
            .or(error["status"].as_str());
        (
            status.as_u16(),
            reason.unwrap_or_default().into(),
            error["message"].as_str().unwrap_or_default().into(),
        )
    }

    /// Waits until an operation is done.
    pub async fn done(&self, operation: &Value) -> Value {
        let link = operation["selfLink"].as_str().expect("an operation");
        let path = link
            .strip_prefix("https://www.googleapis.com")
            .expect("Google's link");
        self.post(&format!("{path}/wait"), &json!({})).await
    }

    /// Sends a mutation, and waits for its success.
    pub async fn mutate(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, operation) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{path}: {operation}");
        let operation = self.done(&operation).await;
        assert_eq!(
            (&operation["status"], &operation["error"]),
            (&json!("DONE"), &Value::Null)
        );
        operation
    }

    /// A bucket called `bucket`.
    pub async fn insert_bucket(&self) {
        let bucket = json!({"name": "bucket"});
        self.post("/storage/v1/b?project=clawbake-local", &bucket)
            .await;
    }

    /// Makes an object of a content in one request.
    pub async fn upload(
        &self,
        name: &str,
        content: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        let path = format!("/upload/storage/v1/b/bucket/o?uploadType=media&name={name}");
        answer(self.request(Method::POST, &path).body(content)).await
    }

    /// An object's content.
    pub async fn content(&self, name: &str) -> Vec<u8> {
        let path = format!("/storage/v1/b/bucket/o/{name}?alt=media");
        let answer = self.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        answer.bytes().await.unwrap().into()
    }

    /// Begins a resumable upload, and returns the path of its session.
    pub async fn begin_upload(&self, name: &str) -> String {
        let path = format!("/upload/storage/v1/b/bucket/o?uploadType=resumable&name={name}");
        let answer = self
            .request(Method::POST, &path)
            .json(&json!({}))
            .send()
            .await
            .unwrap();
        let session = answer.headers()["location"].to_str().unwrap();
        let (_, path) = session
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        format!("/{path}")
    }

    /// A disk, an image of it, and another disk that is based on the image.
    pub async fn insert_image_and_disk(&self) {
        let disks = format!("{ZONE}/disks");
        let blank = json!({"name": "blank", "sizeGb": "1"});
        self.mutate(Method::POST, &disks, &blank).await;
        let image = json!({"name": "image", "sourceDisk": "zones/us-central1-a/disks/blank"});
        self.mutate(Method::POST, &format!("{GLOBAL}/images"), &image)
            .await;
        let disk = json!({"name": "disk", "sourceImage": "global/images/image"});
        self.mutate(Method::POST, &disks, &disk).await;
    }

    /// An instance on an empty disk: its firmware runs, and nothing else.
    pub async fn insert_instance(&self, name: &str, changes: &Value) -> Value {
        let mut body = json!({
            "name": name,
            "machineType": "zones/us-central1-a/machineTypes/e2-micro",
            "disks": [{"boot": true, "autoDelete": true, "initializeParams": {"diskSizeGb": "1"}}],
            "networkInterfaces": [{"network": "global/networks/default"}],
        });
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        self.mutate(Method::POST, &format!("{ZONE}/instances"), &body)
            .await;
        self.get(&format!("{ZONE}/instances/{name}")).await
    }

    /// A client on one of the sockets that an instance's guest reaches.
    pub fn inside(&self, instance: &Value, socket: &str) -> Client {
        let id = instance["id"].as_str().unwrap();
        let socket = self.dir.path().join("vms").join(id).join(socket);
        Client::builder().unix_socket(socket).build().unwrap()
    }
}

/// The files below an engine's directory that hold what it was given, by their paths in it.
pub fn files(dir: &Path) -> std::collections::BTreeSet<String> {
    let mut files = std::collections::BTreeSet::new();
    for name in ["objects", "images", "snapshots", "disks"] {
        for entry in std::fs::read_dir(dir.join(name)).unwrap() {
            let entry = entry.unwrap().file_name().into_string().unwrap();
            files.insert(format!("{name}/{entry}"));
        }
    }
    files
}

pub async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (
        status,
        if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).expect(&text)
        },
    )
}

/// Asks an API from inside an instance, past the proxy, and holds the answer to the contract here.
pub async fn ask_in_guest(client: &Client, path: String, token: &str) -> (StatusCode, Value) {
    let url = format!("http://169.254.169.253{path}");
    let response = client.get(url).bearer_auth(token).send().await.unwrap();
    let status = response.status();
    let kind = response.headers()["content-type"].to_str().unwrap();
    let kind = kind.to_owned();
    let body = response.bytes().await.unwrap();
    let exchange = Exchange {
        sender: Sender::Other,
        method: "GET".into(),
        target: path,
        request: Content::new("", ""),
        status: Some(status.as_u16()),
        response: Content::new(&kind, body.to_vec()),
        partial: false,
    };
    let verdicts = contract::check(&exchange);
    contract::record("engine").add(&exchange, &verdicts, None);
    let mut tally = contract::Tally::default();
    tally.add(&exchange, &verdicts);
    tally.assert_clean();
    (status, serde_json::from_slice(&body).unwrap())
}
