//! An engine that is killed, and a client that lives on.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use world::Endpoint;

pub const ZONE: &str = "/compute/v1/projects/clawbake-local/zones/us-central1-a";
pub const GLOBAL: &str = "/compute/v1/projects/clawbake-local/global";

/// A running engine. It is killed when it is dropped.
pub struct Engine {
    pub dir: PathBuf,
    process: world::Engine,
    pub api: Api,
}

/// What reaches an engine.
#[derive(Clone)]
pub struct Api {
    endpoint: Endpoint,
    http: Client,
}

impl Engine {
    pub fn start(dir: &Path) -> Self {
        let log = dir.join("engine.log");
        let log = File::options().create(true).append(true).open(log);
        let words = [env!("CARGO_BIN_EXE_localgce")];
        let mut process =
            world::Engine::spawn(&words, &["--power-off", "0"], dir, log.expect("a log"));
        let endpoint = process.endpoint();
        Self {
            dir: dir.to_owned(),
            process,
            api: Api {
                endpoint,
                http: Client::new(),
            },
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Kills it, and returns when it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Says something to it, and goes away.
    pub fn say(&self, words: &str) -> Result<()> {
        let address = self.api.endpoint.url.trim_start_matches("http://");
        TcpStream::connect(address)?.write_all(words.as_bytes())?;
        Ok(())
    }

    /// A client on one of the sockets that an instance's guest reaches.
    pub fn inside(&self, id: &str, socket: &str) -> Client {
        let socket = self.dir.join("vms").join(id).join(socket);
        let client = Client::builder().unix_socket(socket).build();
        client.expect("a client")
    }
}

impl Api {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // A session's location is a whole URL.
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.endpoint.url)
        };
        let request = self.http.request(method, url);
        request.bearer_auth(&self.endpoint.token)
    }

    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        sent(self.request(method, path).json(body)).await
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        sent(self.request(Method::GET, path)).await
    }

    /// Sends a mutation, and waits for its success.
    pub async fn mutate(&self, method: Method, path: &str, body: &Value) -> Result<()> {
        let operation = self.call(method, path, body).await?;
        let link = operation["selfLink"].as_str().context("an operation")?;
        let wait = link.replace("https://www.googleapis.com", "") + "/wait";
        let done = self.call(Method::POST, &wait, &json!({})).await?;
        ensure!(done["error"].is_null(), "{path}: {}", done["error"]);
        Ok(())
    }

    /// Creates what the body describes.
    pub async fn insert(&self, collection: &str, body: &Value) -> Result<()> {
        self.mutate(Method::POST, collection, body).await
    }

    /// Deletes what may not be there.
    pub async fn delete(&self, path: &str) -> Result<()> {
        match self.mutate(Method::DELETE, path, &json!({})).await {
            Err(error) if format!("{error:#}").contains("\"code\":404") => Ok(()),
            deleted => deleted,
        }
    }
}

/// What is answered, if it is a success.
pub async fn sent(request: RequestBuilder) -> Result<Value> {
    let response = request.send().await?;
    let (status, url) = (response.status(), response.url().clone());
    let text = response.text().await?;
    ensure!(
        status.is_success() || status == 308,
        "{status} {url}: {text}"
    );
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}
