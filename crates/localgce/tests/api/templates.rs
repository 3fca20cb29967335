//! A deployment's life as calls: VMs from templates of a region, disks from snapshots, labels with
//! fingerprints, another machine type.

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Engine, GLOBAL, ZONE};

const REGIONAL: &str = "/compute/v1/projects/clawbake-local/regions/us-central1/instanceTemplates";

fn template(state: &str) -> Value {
    json!({"name": "t", "description": "made by run=1", "properties": {
        "machineType": "e2-micro",
        "labels": {"a": "b"},
        "disks": [
            {"boot": true, "autoDelete": true, "initializeParams": {
                "diskSizeGb": "1", "diskType": "pd-balanced", "labels": {"a": "b"}}},
            {"autoDelete": false, "deviceName": "state", "source": state, "mode": "READ_WRITE"},
        ],
        "networkInterfaces": [{"network": "global/networks/default"}],
        "metadata": {"items": [{"key": "user-data", "value": "u"}]},
    }})
}

#[tokio::test]
async fn a_regions_template_names_a_disk_that_its_instance_gets() {
    let engine = Engine::start();
    let (disks, instances) = (format!("{ZONE}/disks"), format!("{ZONE}/instances"));
    let state = json!({"name": "state", "sizeGb": "1"});
    engine.mutate(Method::POST, &disks, &state).await;
    engine
        .mutate(Method::POST, REGIONAL, &template("state"))
        .await;
    let shown = engine.get(&format!("{REGIONAL}/t")).await;
    assert_eq!(shown["description"], "made by run=1");
    assert!(shown["region"].as_str().unwrap().ends_with("/us-central1"));
    let (code, ..) = engine
        .refusal(
            Method::GET,
            &format!("{GLOBAL}/instanceTemplates/t"),
            &json!({}),
        )
        .await;
    assert_eq!(code, 404, "it is not global");
    let all = format!(
        "{}/aggregated/instanceTemplates",
        GLOBAL.trim_end_matches("/global")
    );
    let all = engine.get(&all).await;
    let listed = &all["items"]["regions/us-central1"]["instanceTemplates"];
    assert_eq!(listed[0]["name"], "t");

    let link = shown["selfLink"].as_str().unwrap();
    let from = format!("{instances}?sourceInstanceTemplate={link}");
    engine
        .mutate(Method::POST, &from, &json!({"name": "plain"}))
        .await;
    let plain = engine.get(&format!("{instances}/plain")).await;
    assert_eq!(plain["metadata"]["items"][0]["key"], "user-data");
    assert!(
        plain["disks"][1]["source"]
            .as_str()
            .unwrap()
            .ends_with("/zones/us-central1-a/disks/state")
    );
    assert_eq!(
        engine.get(&format!("{disks}/plain")).await["labels"],
        json!({"a": "b"})
    );
    engine
        .mutate(Method::DELETE, &format!("{instances}/plain"), &json!({}))
        .await;

    // What a request says of its disks stands in for all that the template says of them.
    let own = json!({"name": "own", "disks": [
        {"boot": true, "autoDelete": true, "initializeParams": {
            "diskSizeGb": "1", "diskType": "zones/us-central1-a/diskTypes/pd-balanced",
            "labels": {"a": "b", "run": "1"}}},
        {"deviceName": "state", "source": "zones/us-central1-a/disks/state", "mode": "READ_WRITE"},
    ]});
    engine.mutate(Method::POST, &from, &own).await;
    let boot = engine.get(&format!("{disks}/own")).await;
    assert_eq!(boot["labels"], json!({"a": "b", "run": "1"}));
}

#[tokio::test]
async fn a_disk_goes_back_to_a_snapshot_that_says_so() {
    let engine = Engine::start();
    let (disks, snapshots) = (format!("{ZONE}/disks"), format!("{GLOBAL}/snapshots"));
    let disk = json!({"name": "d", "sizeGb": "1", "labels": {"wrote": "a"}});
    engine.mutate(Method::POST, &disks, &disk).await;
    let snapshot = json!({
        "name": "s", "sourceDisk": "zones/us-central1-a/disks/d", "labels": {"wrote": "a"},
    });
    engine.mutate(Method::POST, &snapshots, &snapshot).await;
    let first = engine.get(&format!("{snapshots}/s")).await;
    let set = format!("{snapshots}/s/setLabels");
    let labels = json!({
        "labels": {"wrote": "a", "restoring": "d"}, "labelFingerprint": first["labelFingerprint"],
    });
    engine.mutate(Method::POST, &set, &labels).await;
    let (code, reason, _) = engine.refusal(Method::POST, &set, &labels).await;
    assert_eq!((code, &*reason), (412, "conditionNotMet"));

    engine
        .mutate(Method::DELETE, &format!("{disks}/d"), &json!({}))
        .await;
    let again = json!({
        "name": "d", "sourceSnapshot": "global/snapshots/s", "labels": {"wrote": "b"},
    });
    engine.mutate(Method::POST, &disks, &again).await;
    let disk = engine.get(&format!("{disks}/d")).await;
    assert_eq!(
        disk["labels"],
        json!({"wrote": "b"}),
        "a snapshot's labels are its own"
    );
    let snapshot = engine.get(&format!("{snapshots}/s")).await;
    assert_eq!(disk["sourceSnapshot"], snapshot["selfLink"]);
    assert_eq!(disk["sourceSnapshotId"], snapshot["id"]);
}

#[tokio::test]
async fn a_machine_type_is_that_of_a_stopped_instance() {
    let engine = Engine::start();
    engine.insert_instance("vm", &json!({})).await;
    let path = format!("{ZONE}/instances/vm");
    let set = format!("{path}/setMachineType");
    let medium = json!({"machineType": "zones/us-central1-a/machineTypes/e2-medium"});
    let (code, ..) = engine.refusal(Method::POST, &set, &medium).await;
    assert_eq!(code, 400);
    let stop = format!("{path}/stop?noGracefulShutdown=true");
    engine.mutate(Method::POST, &stop, &json!({})).await;
    engine.mutate(Method::POST, &set, &medium).await;
    let vm = engine.get(&path).await;
    assert!(vm["machineType"].as_str().unwrap().ends_with("/e2-medium"));
    let nothing = json!({"machineType": "zones/us-central1-a/machineTypes/none"});
    let (code, ..) = engine.refusal(Method::POST, &set, &nothing).await;
    assert_eq!(code, 404);
}
