//! Operations and requests.

use reqwest::Method;
use serde_json::json;

use crate::engine::{Engine, ZONE};

#[tokio::test]
async fn operations_are_googles_and_a_request_is_served_once() {
    let engine = Engine::start();
    let path = format!("{ZONE}/disks?requestId=5b0b4a2e-6f0c-4e0c-8d32-7a1d5d5c2f11&$alt=json");
    let body = json!({"name": "d", "sizeGb": 1, "labels": {"app": "a"}});
    let first = engine.post(&path, &body).await;
    assert_eq!(first["kind"], "compute#operation");
    assert_eq!(first["operationType"], "insert");
    assert!(
        first["zone"]
            .as_str()
            .unwrap()
            .ends_with("/zones/us-central1-a")
    );
    let done = engine.done(&first).await;
    assert_eq!(
        (&done["status"], &done["progress"]),
        (&json!("DONE"), &json!(100))
    );
    assert!(done["endTime"].is_string());
    let disk = engine.get(&format!("{ZONE}/disks/d")).await;
    assert_eq!(
        (&done["targetId"], &done["targetLink"]),
        (&disk["id"], &disk["selfLink"])
    );
    assert_eq!(
        (&disk["status"], &disk["sizeGb"]),
        (&json!("READY"), &json!("1"))
    );

    assert_eq!(engine.post(&path, &body).await["id"], first["id"]);
    let (code, reason, _) = engine
        .refusal(Method::POST, &format!("{ZONE}/disks"), &body)
        .await;
    assert_eq!((code, reason.as_str()), (409, "alreadyExists"));

    let grown = json!({"sizeGb": "2"});
    engine
        .mutate(Method::POST, &format!("{ZONE}/disks/d/resize"), &grown)
        .await;
    let (code, ..) = engine
        .refusal(Method::POST, &format!("{ZONE}/disks/d/resize"), &grown)
        .await;
    assert_eq!(code, 400);
    let labels = json!({"labels": {"app": "b"}, "labelFingerprint": disk["labelFingerprint"]});
    engine
        .mutate(Method::POST, &format!("{ZONE}/disks/d/setLabels"), &labels)
        .await;
    let (code, ..) = engine
        .refusal(Method::POST, &format!("{ZONE}/disks/d/setLabels"), &labels)
        .await;
    assert_eq!(code, 412);
    for (filter, count) in [("labels.app=b", 1), ("labels.app=a", 0), ("sizeGb%3D2", 1)] {
        let list = engine.get(&format!("{ZONE}/disks?filter={filter}")).await;
        assert_eq!(list["items"].as_array().unwrap().len(), count, "{filter}");
    }
    engine
        .mutate(Method::DELETE, &format!("{ZONE}/disks/d"), &json!({}))
        .await;
    assert_eq!(
        std::fs::read_dir(engine.dir.path().join("disks"))
            .unwrap()
            .count(),
        0
    );
}
