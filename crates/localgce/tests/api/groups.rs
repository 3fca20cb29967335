//! Templates, managed groups, and instances whose time is limited.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Engine, GLOBAL, ZONE, answer};

fn template() -> Value {
    json!({"name": "t", "properties": {
        "machineType": "e2-micro",
        "disks": [{"boot": true, "autoDelete": true, "initializeParams": {"diskSizeGb": "1"}}],
        "networkInterfaces": [{"network": "global/networks/default"}],
        "labels": {"from": "template"},
        "metadata": {},
    }})
}

#[tokio::test]
async fn a_managed_group_has_as_many_instances_as_it_is_told() {
    let engine = Engine::start();
    let templates = format!("{GLOBAL}/instanceTemplates");
    engine.mutate(Method::POST, &templates, &template()).await;
    let shown = engine.get(&format!("{templates}/t")).await;
    let metadata = &shown["properties"]["metadata"];
    assert!(metadata["fingerprint"].is_string(), "{shown}");
    let of_template = format!("{ZONE}/instances?sourceInstanceTemplate=global/instanceTemplates/t");
    let request = json!({"name": "vm", "labels": {"from": "request"}});
    engine.mutate(Method::POST, &of_template, &request).await;
    let vm = engine.get(&format!("{ZONE}/instances/vm")).await;
    assert_eq!(vm["labels"], json!({"from": "request"}));

    let managers = format!("{ZONE}/instanceGroupManagers");
    let group = json!({
        "name": "g",
        "baseInstanceName": "g",
        "instanceTemplate": "global/instanceTemplates/t",
        "targetSize": 2,
    });
    engine.mutate(Method::POST, &managers, &group).await;
    let managed = format!("{managers}/g/listManagedInstances");
    let two = engine.post(&managed, &json!({})).await["managedInstances"].clone();
    assert_eq!(two.as_array().unwrap().len(), 2);
    assert_eq!(two[0]["instanceStatus"], "RUNNING");
    let (code, ..) = engine
        .refusal(Method::DELETE, &format!("{templates}/t"), &json!({}))
        .await;
    assert_eq!(code, 400);
    let recreate = json!({"instances": [two[0]["instance"]]});
    let path = format!("{managers}/g/recreateInstances");
    engine.mutate(Method::POST, &path, &recreate).await;
    let resize = format!("{managers}/g/resize?size=1");
    engine.mutate(Method::POST, &resize, &json!({})).await;
    let one = engine.post(&managed, &json!({})).await["managedInstances"].clone();
    assert_eq!(one.as_array().unwrap().len(), 1);
    engine
        .mutate(Method::DELETE, &format!("{managers}/g"), &json!({}))
        .await;
    let left = engine.get(&format!("{ZONE}/instances")).await["items"].clone();
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["name"]),
        (1, &json!("vm"))
    );
}

#[tokio::test]
async fn an_instance_is_deleted_when_its_time_is_up() {
    let engine = Engine::start();
    let soon = json!({"scheduling": {
        "maxRunDuration": {"seconds": "30"}, "instanceTerminationAction": "DELETE",
    }});
    let vm = engine.insert_instance("vm", &soon).await;
    assert!(vm["resourceStatus"]["scheduling"]["terminationTimestamp"].is_string());
    let end = Instant::now() + Duration::from_mins(1);
    let path = format!("{ZONE}/instances/vm");
    while answer(engine.request(Method::GET, &path)).await.0 != 404 {
        assert!(Instant::now() < end, "the instance is still there");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(
        engine.get(&format!("{ZONE}/disks")).await["items"],
        json!([])
    );
}

#[tokio::test]
async fn lists_of_everywhere_come_in_pages() {
    let engine = Engine::start();
    for (zone, name) in [("us-central1-a", "a"), ("us-central1-b", "b")] {
        let disks = format!("{}/disks", ZONE.replace("us-central1-a", zone));
        let disk = json!({"name": name, "sizeGb": "1"});
        engine.mutate(Method::POST, &disks, &disk).await;
    }
    let all = format!("{}/aggregated/disks", GLOBAL.trim_end_matches("/global"));
    let filter = "filter=name+eq+%22(a%7Cb)%22&maxResults=1";
    let first = engine.get(&format!("{all}?{filter}")).await;
    let items = &first["items"];
    assert_eq!(items["zones/us-central1-a"]["disks"][0]["name"], "a");
    assert!(items["zones/us-central1-b"]["warning"].is_object());
    let token = first["nextPageToken"].as_str().unwrap();
    let rest = engine
        .get(&format!("{all}?{filter}&pageToken={token}"))
        .await;
    assert_eq!(
        rest["items"]["zones/us-central1-b"]["disks"][0]["name"],
        "b"
    );
    assert_eq!(rest["nextPageToken"], Value::Null);
}
