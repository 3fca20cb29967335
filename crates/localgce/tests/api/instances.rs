//! Instances.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::engine::{Engine, GLOBAL, METADATA, ZONE};

async fn attribute(metadata: &Client, name: &str) -> String {
    let request = metadata.get(format!("{METADATA}/attributes/{name}"));
    request
        .header("Metadata-Flavor", "Google")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

/// What all tests want of an instance.
fn metadata_and_address() -> Value {
    json!({
        "networkInterfaces": [{"accessConfigs": [{"type": "ONE_TO_ONE_NAT"}]}],
        "tags": {"items": ["gateway"]},
        "metadata": {"items": [
            {"key": "nonce", "value": "1"},
            {"key": "enable-guest-attributes", "value": "TRUE"},
        ]},
    })
}

// The firmware of an empty disk does not hear the power button, so machines are stopped at once.
const NOW: &str = "noGracefulShutdown=true";

#[tokio::test]
async fn metadata_and_guest_attributes_pass_between_inside_and_outside() {
    let engine = Engine::start();
    let vm = format!("{ZONE}/instances/vm");
    let instance = engine.insert_instance("vm", &metadata_and_address()).await;
    let inside = engine.inside(&instance, "metadata.sock");
    assert_eq!(attribute(&inside, "nonce").await, "1");

    let set = format!("{vm}/setMetadata");
    let old = json!({"items": [], "fingerprint": "AAAA"});
    assert_eq!(engine.refusal(Method::POST, &set, &old).await.0, 412);
    let mut fresh = instance["metadata"].clone();
    fresh["items"][0]["value"] = "2".into();
    engine.mutate(Method::POST, &set, &fresh).await;
    assert_eq!(attribute(&inside, "nonce").await, "2");

    let query = format!("{vm}/getGuestAttributes?queryPath=clawbake/");
    let (code, ..) = engine.refusal(Method::GET, &query, &json!({})).await;
    assert_eq!(code, 404);
    let phase = inside.put(format!("{METADATA}/guest-attributes/clawbake/phase"));
    let phase = phase.header("Metadata-Flavor", "Google").body("ready");
    assert_eq!(phase.send().await.unwrap().status(), 200);
    let stop = format!("{vm}/stop?{NOW}");
    engine.mutate(Method::POST, &stop, &json!({})).await;
    let items = json!([{"namespace": "clawbake", "key": "phase", "value": "ready"}]);
    assert_eq!(engine.get(&query).await["queryValue"]["items"], items);
}

#[tokio::test]
async fn an_instance_lives_through_stop_start_and_another_engine() {
    let engine = Engine::start();
    let rule = json!({
        "name": "gateway",
        "sourceRanges": ["35.235.240.0/20"],
        "targetTags": ["gateway"],
        "allowed": [{"IPProtocol": "tcp", "ports": ["18789"]}],
    });
    let firewalls = format!("{GLOBAL}/firewalls");
    engine.mutate(Method::POST, &firewalls, &rule).await;
    let vm = format!("{ZONE}/instances/vm");
    let instance = engine.insert_instance("vm", &metadata_and_address()).await;
    assert_eq!(instance["status"], "RUNNING");
    let access = &instance["networkInterfaces"][0]["accessConfigs"][0];
    let address = (access["natIP"].as_str().unwrap(), 18789);
    TcpStream::connect(address).expect("the port is forwarded");

    let stop = format!("{vm}/stop?{NOW}");
    engine.mutate(Method::POST, &stop, &json!({})).await;
    let stopped = engine.get(&vm).await;
    assert_eq!(stopped["status"], "TERMINATED");
    assert!(stopped["lastStopTimestamp"].is_string());
    assert!(TcpStream::connect(address).is_err());
    let start = format!("{vm}/start");
    engine.mutate(Method::POST, &start, &json!({})).await;

    let engine = engine.restart();
    let end = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < end, "the machine is not booted again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let inside = engine.inside(&instance, "metadata.sock");
    assert_eq!(attribute(&inside, "nonce").await, "1");
    let serial = engine.get(&format!("{vm}/serialPort?port=1&start=0")).await;
    assert!(serial["next"].is_string() && serial["contents"].is_string());
    let everywhere = format!(
        "{}/aggregated/instances",
        GLOBAL.trim_end_matches("/global")
    );
    let instances = &engine.get(&everywhere).await["items"]["zones/us-central1-a"]["instances"];
    assert_eq!(instances[0]["name"], "vm");
}

#[tokio::test]
async fn a_guest_that_does_not_hear_the_power_button_loses_its_plug() {
    let engine = Engine::start();
    engine.insert_instance("vm", &json!({})).await;
    let vm = format!("{ZONE}/instances/vm");
    let started = Instant::now();
    engine
        .mutate(Method::POST, &format!("{vm}/stop"), &json!({}))
        .await;
    let waited = Duration::from_secs(1)..Duration::from_secs(20);
    assert!(waited.contains(&started.elapsed()));
    assert_eq!(engine.get(&vm).await["status"], "TERMINATED");
}

#[tokio::test]
async fn a_disk_of_its_own_outlives_its_instance() {
    let engine = Engine::start();
    let disks = format!("{ZONE}/disks");
    let state = json!({"name": "state", "sizeGb": "1"});
    engine.mutate(Method::POST, &disks, &state).await;
    let attached = json!({"source": "zones/us-central1-a/disks/state", "deviceName": "state"});
    let boot = json!({"boot": true, "autoDelete": true, "initializeParams": {"diskSizeGb": "1"}});
    engine
        .insert_instance("vm", &json!({"disks": [boot, attached]}))
        .await;
    let (vm, state) = (format!("{ZONE}/instances/vm"), format!("{disks}/state"));
    let (code, reason, _) = engine.refusal(Method::DELETE, &state, &json!({})).await;
    assert_eq!(
        (code, reason.as_str()),
        (400, "resourceInUseByAnotherResource")
    );
    let detach = format!("{vm}/detachDisk?deviceName=state");
    assert_eq!(
        engine.refusal(Method::POST, &detach, &json!({})).await.0,
        400
    );

    let stop = format!("{vm}/stop?{NOW}");
    engine.mutate(Method::POST, &stop, &json!({})).await;
    engine.mutate(Method::POST, &detach, &json!({})).await;
    assert_eq!(engine.get(&state).await["users"], Value::Null);
    let attach = format!("{vm}/attachDisk");
    engine.mutate(Method::POST, &attach, &attached).await;
    engine.mutate(Method::DELETE, &vm, &json!({})).await;
    let left = engine.get(&disks).await["items"].clone();
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["name"]),
        (1, &json!("state"))
    );
    engine.mutate(Method::DELETE, &state, &json!({})).await;
}

#[tokio::test]
async fn a_failed_insert_leaves_nothing() {
    let engine = Engine::start();
    // A disk that QEMU cannot open.
    let disks = format!("{ZONE}/disks");
    engine
        .mutate(
            Method::POST,
            &disks,
            &json!({"name": "broken", "sizeGb": "1"}),
        )
        .await;
    let id = engine.get(&format!("{disks}/broken")).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    std::fs::write(engine.dir.path().join(format!("disks/{id}.qcow2")), "junk").unwrap();
    let body = json!({
        "name": "vm",
        "machineType": "e2-micro",
        "disks": [
            {"boot": true, "initializeParams": {"diskSizeGb": "1"}},
            {"source": "zones/us-central1-a/disks/broken"},
        ],
        "networkInterfaces": [{}],
    });
    let operation = engine.post(&format!("{ZONE}/instances"), &body).await;
    let operation = engine.done(&operation).await;
    assert_eq!(operation["httpErrorStatusCode"], 500, "{operation}");
    assert_eq!(operation["error"]["errors"][0]["code"], "INTERNAL_ERROR");
    let vm = format!("{ZONE}/instances/vm");
    assert_eq!(engine.refusal(Method::GET, &vm, &json!({})).await.0, 404);
    let left = engine.get(&disks).await["items"].clone();
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["users"]),
        (1, &Value::Null)
    );
}
