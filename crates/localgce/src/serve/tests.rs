//! The net below KVM, as the owner sees it.

use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::vm::suspect;

const ZONE: &str = "/compute/v1/projects/clawbake-local/zones/us-central1-a";

async fn call(engine: &Arc<Engine>, method: Method, path: &str, body: Value) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(format!("{ZONE}{path}"))
        .header("authorization", "Bearer owner")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = api::router(engine)
        .oneshot(request)
        .await
        .expect("an answer");
    let body = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

async fn done(engine: &Arc<Engine>, path: &str, body: Value) -> String {
    let operation = call(engine, Method::POST, path, body).await;
    let name = operation["name"].as_str().expect("an operation").to_owned();
    let path = format!("/operations/{name}/wait");
    let operation = call(engine, Method::POST, &path, json!({})).await;
    assert_eq!(
        (&operation["status"], &operation["error"]),
        (&json!("DONE"), &Value::Null)
    );
    name
}

#[tokio::test]
async fn a_restart_under_emulation_is_told_everywhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let hypervisor = suspect::suspicious(dir.path());
    let (cache, token) = (dir.path().join("cache"), "owner".to_owned());
    let engine = Engine::open(
        dir.path(),
        &cache,
        token.clone(),
        hypervisor.clone(),
        Some(Duration::ZERO),
        api::router,
    );
    let engine = Arc::new(engine.expect("an engine"));
    let endpoint = Endpoint {
        url: String::new(),
        token,
        project: String::new(),
        zone: String::new(),
        pid: 0,
        acceleration: "kvm".into(),
        emulated: None,
    };
    let told = tell_of_emulation(&hypervisor, endpoint, dir.path());

    done(&engine, "/disks", json!({"name": "boot", "sizeGb": "1"})).await;
    let disk = call(&engine, Method::GET, "/disks/boot", Value::Null).await;
    let file = engine.disk_file(disk["id"].as_str().expect("an id"));
    let scratch = tempfile::tempdir().expect("a directory");
    let machine = suspect::machine(scratch.path(), &suspect::HANGS_UNDER_SUSPECT).await;
    std::fs::copy(&machine.drives[0].path, file).expect("a copy");
    let instance = json!({
        "name": "vm", "machineType": "zones/us-central1-a/machineTypes/e2-micro",
        "disks": [{"boot": true, "source": "zones/us-central1-a/disks/boot"}],
        "networkInterfaces": [{"network": "global/networks/default"}],
    });
    let operation = done(&engine, "/instances", instance).await;

    tokio::time::timeout(Duration::from_secs(30), told)
        .await
        .expect("a restart")
        .expect("an endpoint");
    let endpoint = std::fs::read(dir.path().join("endpoint.json")).expect("an endpoint");
    let endpoint: Endpoint = serde_json::from_slice(&endpoint).expect("JSON");
    assert_eq!(endpoint.acceleration, "tcg");
    let why = endpoint.emulated.expect("a reason");
    assert!(why.starts_with("vm did not run under KVM: "), "{why}");

    let start = Instant::now();
    let instance = loop {
        let instance = call(&engine, Method::GET, "/instances/vm", Value::Null).await;
        if !instance["statusMessage"].is_null() {
            break instance;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{instance}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let path = format!("/operations/{operation}");
    let operation = call(&engine, Method::GET, &path, Value::Null).await;
    let warning = &operation["warnings"][0];
    assert_eq!(warning["code"], "NOT_CRITICAL_ERROR");
    assert_eq!(warning["message"], instance["statusMessage"]);
    let message = warning["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("restarted under emulation"),
        "{message}"
    );
    assert_eq!(instance["status"], "RUNNING");

    done(&engine, "/instances/vm/stop", json!({})).await;
    let instance = call(&engine, Method::GET, "/instances/vm", Value::Null).await;
    assert_eq!(instance["status"], "TERMINATED");
}
