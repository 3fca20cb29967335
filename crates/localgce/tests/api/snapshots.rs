//! Snapshots, and the schedules that ask for them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Engine, GLOBAL, ZONE};

const POLICIES: &str = "/compute/v1/projects/clawbake-local/regions/us-central1/resourcePolicies";

#[tokio::test]
async fn a_snapshot_of_a_running_machines_disk_becomes_a_disk() {
    let engine = Engine::start();
    engine.insert_instance("vm", &json!({})).await;
    let request = json!({"name": "s", "labels": {"a": "b"}, "storageLocations": ["us-central1"]});
    let create = format!("{ZONE}/disks/vm/createSnapshot");
    engine.mutate(Method::POST, &create, &request).await;
    let snapshot = engine.get(&format!("{GLOBAL}/snapshots/s")).await;
    assert_eq!(
        (
            &snapshot["status"],
            &snapshot["diskSizeGb"],
            &snapshot["labels"]["a"]
        ),
        (&json!("READY"), &json!("1"), &json!("b"))
    );
    assert!(snapshot["storageBytes"].is_string());
    let disks = format!("{ZONE}/disks");
    let small = json!({"name": "d", "sourceSnapshot": "global/snapshots/s", "sizeGb": "0"});
    assert_eq!(engine.refusal(Method::POST, &disks, &small).await.0, 400);
    let disk = json!({"name": "d", "sourceSnapshot": "global/snapshots/s", "sizeGb": "2"});
    engine.mutate(Method::POST, &disks, &disk).await;
    let grown = json!({"sizeGb": "3"});
    engine
        .mutate(Method::POST, &format!("{disks}/vm/resize"), &grown)
        .await;

    let files = || {
        let dir = engine.dir.path().join("snapshots");
        std::fs::read_dir(dir).unwrap().count()
    };
    let snapshot = format!("{GLOBAL}/snapshots/s");
    engine.mutate(Method::DELETE, &snapshot, &json!({})).await;
    assert_eq!(files(), 1, "a disk is still based on the snapshot's file");
    engine
        .mutate(Method::DELETE, &format!("{disks}/d"), &json!({}))
        .await;
    assert_eq!(files(), 0);
}

#[tokio::test]
async fn a_schedule_stays_while_a_disk_has_it() {
    let engine = Engine::start();
    let daily = json!({"daysInCycle": 1, "startTime": "04:00"});
    let schedule = json!({"schedule": {"dailySchedule": daily}});
    let policy = json!({"name": "daily", "snapshotSchedulePolicy": schedule});
    engine.mutate(Method::POST, POLICIES, &policy).await;
    let disk = json!({"name": "d", "sizeGb": "1", "resourcePolicies": ["daily"]});
    let disks = format!("{ZONE}/disks");
    engine.mutate(Method::POST, &disks, &disk).await;
    let policy = format!("{POLICIES}/daily");
    let (code, reason, _) = engine.refusal(Method::DELETE, &policy, &json!({})).await;
    assert_eq!(
        (code, reason.as_str()),
        (400, "resourceInUseByAnotherResource")
    );
    let remove = format!("{disks}/d/removeResourcePolicies");
    let named = json!({"resourcePolicies": [engine.get(&policy).await["selfLink"]]});
    engine.mutate(Method::POST, &remove, &named).await;
    let disk = engine.get(&format!("{disks}/d")).await;
    assert_eq!(disk["resourcePolicies"], Value::Null);
    engine.mutate(Method::DELETE, &policy, &json!({})).await;
}
