//! The server over a real socket, asked the way guests ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{AccessToken, Guest, MetadataServer, Refusal};

struct Machine {
    tree: watch::Sender<Arc<Value>>,
    attributes: Mutex<HashMap<String, String>>,
}

impl Guest for Machine {
    fn tree(&self) -> watch::Receiver<Arc<Value>> {
        self.tree.subscribe()
    }

    fn token(&self, service_account: &str) -> Option<AccessToken> {
        let token = AccessToken {
            access_token: "secret".into(),
            expires_in: 3599,
        };
        ["default", "gateway@example.com"]
            .contains(&service_account)
            .then_some(token)
    }

    fn guest_attribute(&self, namespace: &str, key: &str) -> Option<String> {
        self.attributes
            .lock()
            .expect("lock")
            .get(&format!("{namespace}/{key}"))
            .cloned()
    }

    fn set_guest_attribute(
        &self,
        namespace: &str,
        key: &str,
        value: Option<String>,
    ) -> Result<(), Refusal> {
        let mut attributes = self.attributes.lock().expect("lock");
        let name = format!("{namespace}/{key}");
        match value {
            Some(_) if namespace == "full" => return Err(Refusal("No room.".into())),
            Some(value) => attributes.insert(name, value),
            None => attributes.remove(&name),
        };
        Ok(())
    }
}

/// A server, its machine, and a client of it.
struct Bench {
    machine: Arc<Machine>,
    client: Client,
    _server: MetadataServer,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let tree = json!({
            "instance": {
                "id": 42,
                "hostname": "gateway.us-central1-a.c.local.internal",
                "attributes": {"user-data": "#cloud-config\n", "enable-guest-attributes": "TRUE"},
                "serviceAccounts": {"gateway@example.com": {"email": "gateway@example.com"}},
            },
            "project": {"projectId": "local", "attributes": {}},
            "universe": {"universeDomain": "googleapis.com"},
        });
        let machine = Arc::new(Machine {
            tree: watch::Sender::new(Arc::new(tree)),
            attributes: Mutex::default(),
        });
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("metadata.sock");
        let server = MetadataServer::bind(&socket, Arc::<Machine>::clone(&machine)).await;
        let client = Client::builder()
            .unix_socket(socket)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self {
            machine,
            client,
            _server: server.expect("a server"),
            _dir: dir,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> Response {
        let url = format!("http://metadata.google.internal{path}");
        let request = self
            .client
            .request(method, url)
            .header("Metadata-Flavor", "Google");
        request
            .body(body.to_owned())
            .send()
            .await
            .expect("an answer")
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, &format!("/computeMetadata/v1/{path}"), "")
            .await
    }

    /// Status and body.
    async fn read(&self, path: &str) -> (u16, String) {
        let response = self.get(path).await;
        (
            response.status().as_u16(),
            response.text().await.expect("text"),
        )
    }

    fn set(&self, attribute: &str, value: &str) {
        self.machine.tree.send_modify(|tree| {
            Arc::make_mut(tree)["instance"]["attributes"][attribute] = json!(value);
        });
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().expect("ASCII")
}

#[tokio::test]
async fn manners() {
    let bench = Bench::new().await;
    let url = "http://metadata.google.internal/computeMetadata/v1/instance/id";
    let bare = bench.client.get(url).send().await.expect("an answer");
    assert_eq!(bare.status(), 403);
    assert_eq!(header(&bare, "metadata-flavor"), "Google");
    assert!(
        bare.text()
            .await
            .expect("text")
            .contains("Missing Metadata-Flavor:Google header.")
    );

    let forwarded = bench.client.get(url).header("Metadata-Flavor", "Google");
    let forwarded = forwarded.header("X-Forwarded-For", "10.0.0.1").send().await;
    assert_eq!(forwarded.expect("an answer").status(), 403);

    // How client libraries find out that they run on Compute Engine.
    let ping = bench
        .client
        .get("http://metadata.google.internal/")
        .send()
        .await;
    let ping = ping.expect("an answer");
    assert_eq!(
        (ping.status().as_u16(), header(&ping, "metadata-flavor")),
        (200, "Google")
    );
    assert_eq!(ping.text().await.expect("text"), "computeMetadata/\n");

    let id = bench.get("instance/id").await;
    assert_eq!(header(&id, "server"), "Metadata Server for VM");
    assert_eq!(header(&id, "content-type"), "application/text");
    assert_eq!(header(&id, "etag").len(), 16);
    assert_eq!(id.text().await.expect("text"), "42");

    let moved = bench.get("instance/attributes?recursive=true").await;
    assert_eq!(moved.status(), 301);
    let location = "/computeMetadata/v1/instance/attributes/?recursive=true";
    assert_eq!(header(&moved, "location"), location);

    for missing in [
        "instance/nothing",
        "instance/id/",
        "instance/service-accounts/x@y/token",
    ] {
        let (status, page) = bench.read(missing).await;
        assert_eq!(status, 404, "{missing}");
        assert!(
            page.contains(&format!("<code>/computeMetadata/v1/{missing}</code>")),
            "{page}"
        );
    }
    let old = bench
        .ask(Method::GET, "/computeMetadata/v1beta1/instance/id", "")
        .await;
    assert_eq!(old.status(), 404);
    assert_eq!(bench.read("instance/id?alt=xml").await.0, 400);
}

/// What cloud-init's `DataSourceGCE`, the guest agent and Google's client libraries ask.
#[tokio::test]
async fn guests_questions() {
    let bench = Bench::new().await;
    let attributes = bench.get("instance/attributes/?recursive=True").await;
    assert_eq!(header(&attributes, "content-type"), "application/json");
    let attributes: Value = attributes.json().await.expect("JSON");
    assert_eq!(attributes["user-data"], "#cloud-config\n");
    assert_eq!(
        bench.read("project/attributes/?recursive=True").await,
        (200, "{}".into())
    );
    assert_eq!(
        bench.read("").await,
        (200, "instance/\nproject/\nuniverse/\n".into())
    );

    let all = bench
        .get("?recursive=true&alt=json&timeout_sec=60&last_etag=NONE")
        .await;
    let all: Value = all.json().await.expect("JSON");
    assert_eq!(all, **bench.machine.tree.borrow());

    for account in ["default", "gateway%40example.com"] {
        let token = bench
            .get(&format!("instance/service-accounts/{account}/token"))
            .await;
        let expected =
            json!({"access_token": "secret", "expires_in": 3599, "token_type": "Bearer"});
        assert_eq!(token.json::<Value>().await.expect("JSON"), expected);
    }
    let email = bench
        .read("instance/service-accounts/gateway%40example.com/email")
        .await;
    assert_eq!(email, (200, "gateway@example.com".into()));
}

#[tokio::test]
async fn waiting_for_a_change() {
    let bench = Bench::new().await;
    let etag = header(&bench.get("instance/attributes/").await, "etag").to_owned();
    let wait = |options: &str| {
        let path = format!("instance/attributes/?recursive=true&wait_for_change=true{options}");
        async { bench.get(&{ path }).await }
    };

    // Another etag than ours: at once.
    let start = Instant::now();
    assert_eq!(wait("&last_etag=NONE&timeout_sec=60").await.status(), 200);
    assert!(start.elapsed() < Duration::from_secs(5));

    // Nothing changes: what there is, after the time given.
    let start = Instant::now();
    let unchanged = wait(&format!("&last_etag={etag}&timeout_sec=1")).await;
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(header(&unchanged, "etag"), etag);

    // A change elsewhere is none; one here is answered.
    let change = async {
        bench
            .machine
            .tree
            .send_modify(|tree| Arc::make_mut(tree)["instance"]["id"] = json!(43));
        tokio::time::sleep(Duration::from_millis(200)).await;
        bench.set("new", "value");
    };
    let options = format!("&last_etag={etag}");
    let (changed, ()) = tokio::join!(wait(&options), change);
    assert_ne!(header(&changed, "etag"), etag);
    assert_eq!(changed.json::<Value>().await.expect("JSON")["new"], "value");
}

#[tokio::test]
async fn guest_attributes() {
    let bench = Bench::new().await;
    let base = "/computeMetadata/v1/instance/guest-attributes";
    let phase = format!("{base}/clawbake/phase");
    let missing = bench.ask(Method::GET, &phase, "").await;
    assert_eq!(missing.status(), 404);
    assert_eq!(bench.ask(Method::PUT, &phase, "ready").await.status(), 200);
    let read = bench.ask(Method::GET, &phase, "").await.text().await;
    assert_eq!(read.expect("text"), "ready");
    assert_eq!(bench.ask(Method::DELETE, &phase, "").await.status(), 200);
    assert_eq!(bench.ask(Method::GET, &phase, "").await.status(), 404);

    let put = async |path: &str, value: &str| {
        bench
            .ask(Method::PUT, &format!("{base}/{path}"), value)
            .await
            .status()
            .as_u16()
    };
    assert_eq!(put("a/limit", &"x".repeat(256 << 10)).await, 200);
    assert_eq!(put("a/limit", &"x".repeat((256 << 10) + 1)).await, 413);
    assert_eq!(put("a/b%2Fc", "x").await, 400);
    assert_eq!(put("full/key", "x").await, 403);
    assert_eq!(put("key-alone", "x").await, 405);
    bench.set("enable-guest-attributes", "FALSE");
    assert_eq!(put("clawbake/phase", "x").await, 403);
}
