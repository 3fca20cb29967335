//! A guest's requests, whatever they are.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tower::ServiceExt;

use super::{AccessToken, Guest, Refusal, handlers};

struct Nobody(watch::Sender<Arc<Value>>);

impl Guest for Nobody {
    fn tree(&self) -> watch::Receiver<Arc<Value>> {
        self.0.subscribe()
    }

    fn token(&self, _: &str) -> Option<AccessToken> {
        None
    }

    fn guest_attribute(&self, _: &str, _: &str) -> Option<String> {
        None
    }

    fn set_guest_attribute(&self, _: &str, _: &str, _: Option<String>) -> Result<(), Refusal> {
        Ok(())
    }
}

static SERVER: LazyLock<(Runtime, Router)> = LazyLock::new(|| {
    let tree = json!({
        "instance": {
            "attributes": {"enable-guest-attributes": "TRUE", "user-data": "#cloud-config\n"},
            "id": 42, "tags": ["web"],
            "networkInterfaces": [{"accessConfigs": [{"externalIp": "127.0.0.1"}]}],
            "serviceAccounts": {"default": {"email": "a@b", "scopes": ["s"]}},
        },
        "project": {"attributes": {}},
    });
    let guest = Nobody(watch::channel(Arc::new(tree)).0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    (
        runtime.expect("a runtime"),
        handlers::router(Arc::new(guest)),
    )
});

/// A method and a path in the first line, and a body behind it.
pub fn metadata(text: &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n');
    let (head, body) = text.split_at(end.unwrap_or(text.len()));
    let head = String::from_utf8_lossy(head);
    let (method, path) = head.split_once(' ').unwrap_or(("GET", &head));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Metadata-Flavor", "Google")
        .body(Body::from(body.to_vec()));
    let Ok(request) = request else { return };
    let (runtime, router) = &*SERVER;
    runtime.block_on(async {
        let answer = router.clone().oneshot(request);
        // One that waits for a change has been understood.
        if let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_millis(1), answer).await {
            assert!(answer.status().as_u16() < 500);
        }
    });
}
