//! Projects, and what they need before anything works in them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::Engine;

const ACCOUNT: &str = "billingAccounts/01C1AB-BA4E00-10CA1E";

/// The end of an operation of Service Usage or Resource Manager, whose first answer is no end.
async fn done(engine: &Engine, version: &str, operation: &Value) -> Value {
    assert_eq!(operation["done"], Value::Null, "{operation}");
    let name = operation["name"].as_str().unwrap();
    let operation = engine.get(&format!("/{version}/{name}")).await;
    assert_eq!(operation["done"], true, "{operation}");
    operation["response"].clone()
}

/// A project with billing and these services.
async fn create(engine: &Engine, id: &str, services: &[&str]) -> Value {
    let operation = engine
        .post(
            "/v3/projects",
            &json!({"projectId": id, "displayName": "Mine"}),
        )
        .await;
    let project = done(engine, "v3", &operation).await;
    let billing = json!({"billingAccountName": ACCOUNT});
    let path = format!("/v1/projects/{id}/billingInfo");
    let (status, info) = engine.call(Method::PUT, &path, &billing).await;
    assert_eq!(
        (status.as_u16(), &info["billingEnabled"]),
        (200, &json!(true))
    );
    let path = format!("/v1/projects/{id}/services:batchEnable");
    let services = json!({"serviceIds": services});
    done(engine, "v1", &engine.post(&path, &services).await).await;
    project
}

/// The reason in an error's `ErrorInfo`.
fn reason(body: &Value) -> &str {
    let details = body["error"]["details"].as_array().into_iter().flatten();
    details
        .filter(|detail| detail["@type"] == "type.googleapis.com/google.rpc.ErrorInfo")
        .find_map(|detail| detail["reason"].as_str())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_project_works_once_it_is_billed_and_its_apis_are_enabled() {
    let engine = Engine::start();
    let operation = engine
        .post("/v3/projects", &json!({"projectId": "my-project"}))
        .await;
    let project = done(&engine, "v3", &operation).await;
    let name = project["name"].as_str().unwrap();
    let disks = "/compute/v1/projects/my-project/zones/us-central1-a/disks";
    let secrets = "/v1/projects/my-project/secrets";

    for (path, service) in [
        (disks, "compute.googleapis.com"),
        (secrets, "secretmanager.googleapis.com"),
        (
            "/v1/projects/my-project/serviceAccounts",
            "iam.googleapis.com",
        ),
    ] {
        let (status, body) = engine.call(Method::GET, path, &json!({})).await;
        assert_eq!(
            (status.as_u16(), reason(&body)),
            (403, "SERVICE_DISABLED"),
            "{body}"
        );
        let info = &body["error"]["details"][1];
        assert_eq!(info["domain"], "googleapis.com");
        assert_eq!(info["metadata"]["service"], service);
        assert_eq!(info["metadata"]["consumer"], name);
    }
    let enable = "/v1/projects/my-project/services/compute.googleapis.com:enable";
    let (status, body) = engine.call(Method::POST, enable, &json!({})).await;
    assert_eq!(
        (status.as_u16(), reason(&body)),
        (400, "UREQ_PROJECT_BILLING_NOT_FOUND")
    );
    let billing = "/v1/projects/my-project/billingInfo";
    let link = json!({"billingAccountName": ACCOUNT});
    engine.call(Method::PUT, billing, &link).await;
    let operation = engine.post(enable, &json!({})).await;
    assert_eq!(
        operation["metadata"]["resourceNames"],
        json!([format!("{name}/services/compute.googleapis.com")])
    );
    let enabled = done(&engine, "v1", &operation).await;
    assert_eq!(enabled["service"]["state"], "ENABLED");
    let again = engine.post(enable, &json!({})).await;
    assert_eq!(again["name"], "operations/noop.DONE_OPERATION");

    engine
        .mutate(Method::POST, disks, &json!({"name": "d", "sizeGb": "1"}))
        .await;
    assert_eq!(engine.get(disks).await["items"][0]["name"], "d");
    let elsewhere = "/compute/v1/projects/clawbake-local/zones/us-central1-a/disks";
    assert_eq!(engine.get(elsewhere).await["items"], json!([]));

    engine
        .call(Method::PUT, billing, &json!({"billingAccountName": ""}))
        .await;
    let (status, body) = engine.call(Method::GET, disks, &json!({})).await;
    assert_eq!((status.as_u16(), reason(&body)), (403, "BILLING_DISABLED"));

    let listed = engine
        .get("/v1/projects/my-project/services?filter=state:ENABLED")
        .await;
    let names: Vec<_> = listed["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| service["config"]["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"compute.googleapis.com") && !names.contains(&"iam.googleapis.com"),
        "{names:?}"
    );
    let disable = "/v1/projects/my-project/services/compute.googleapis.com:disable";
    done(&engine, "v1", &engine.post(disable, &json!({})).await).await;
    let (_, body) = engine.call(Method::GET, disks, &json!({})).await;
    assert_eq!(reason(&body), "SERVICE_DISABLED");
}

#[tokio::test]
async fn projects_are_found_changed_and_deleted() {
    let engine = Engine::start();
    let project = create(&engine, "my-project", &["compute.googleapis.com"]).await;
    let name = project["name"].as_str().unwrap();
    for (body, code) in [
        (json!({"projectId": "my-project"}), 409),
        (json!({"projectId": "debian-cloud"}), 409),
        (json!({"projectId": "Bad"}), 400),
        (
            json!({"projectId": "my-other", "parent": "organizations/1"}),
            403,
        ),
    ] {
        let (refused, ..) = engine.refusal(Method::POST, "/v3/projects", &body).await;
        assert_eq!(refused, code, "{body}");
    }
    assert_eq!(engine.get("/v3/projects/my-project").await["name"], name);
    assert_eq!(
        engine.get(&format!("/v3/{name}")).await["projectId"],
        "my-project"
    );
    let found = engine
        .get("/v3/projects:search?query=id:my-project%20state:ACTIVE")
        .await;
    assert_eq!(found["projects"].as_array().unwrap().len(), 1);
    assert_eq!(
        engine.get("/v1/projects?pageSize=1").await["projects"][0]["projectId"],
        "clawbake-local"
    );
    let old = engine.get("/v1/projects/my-project").await;
    assert_eq!(
        (&old["name"], &old["lifecycleState"]),
        (&json!("Mine"), &json!("ACTIVE"))
    );

    let (_, operation) = engine
        .call(
            Method::PATCH,
            "/v3/projects/my-project?updateMask=labels",
            &json!({"labels": {"a": "b"}, "displayName": "No"}),
        )
        .await;
    let changed = done(&engine, "v3", &operation).await;
    assert_eq!(
        (&changed["labels"]["a"], &changed["displayName"]),
        (&json!("b"), &json!("Mine"))
    );
    let (_, operation) = engine
        .call(Method::DELETE, "/v3/projects/my-project", &json!({}))
        .await;
    assert_eq!(
        done(&engine, "v3", &operation).await["state"],
        "DELETE_REQUESTED"
    );
    let (code, ..) = engine
        .refusal(
            Method::GET,
            "/compute/v1/projects/my-project/zones",
            &json!({}),
        )
        .await;
    assert_eq!(code, 404);
    engine
        .post("/v3/projects/my-project:undelete", &json!({}))
        .await;
    engine.get("/compute/v1/projects/my-project/zones").await;
    let (code, status, _) = engine
        .refusal(Method::DELETE, "/v3/projects/clawbake-local", &json!({}))
        .await;
    assert_eq!((code, status.as_str()), (400, "FAILED_PRECONDITION"));
    let engine = engine.restart();
    assert_eq!(
        engine.get("/v3/projects/my-project").await["state"],
        "ACTIVE"
    );
}

#[tokio::test]
async fn policies_are_read_modified_and_written() {
    let engine = Engine::start();
    let path = "/v3/projects/clawbake-local";
    let get = async |version: u8| {
        let options = json!({"options": {"requestedPolicyVersion": version}});
        engine.post(&format!("{path}:getIamPolicy"), &options).await
    };
    let empty = get(3).await;
    let condition =
        json!({"title": "t", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')"});
    let bindings = json!([{"role": "roles/compute.viewer", "members": ["user:a@example.com"], "condition": condition}]);
    let set = format!("{path}:setIamPolicy");
    let old_version = json!({"policy": {"version": 1, "bindings": bindings}});
    assert_eq!(
        engine.refusal(Method::POST, &set, &old_version).await.0,
        400
    );
    let policy = json!({"policy": {"version": 3, "bindings": bindings, "etag": empty["etag"]}});
    engine.post(&set, &policy).await;
    let (code, status, _) = engine.refusal(Method::POST, &set, &policy).await;
    assert_eq!((code, status.as_str()), (409, "ABORTED"));
    assert_eq!(get(3).await["bindings"], bindings);
    let old = get(1).await["bindings"][0].clone();
    assert!(
        old["role"]
            .as_str()
            .unwrap()
            .starts_with("roles/compute.viewer_withcond_"),
        "{old}"
    );
    let back = json!({"policy": {"version": 1, "bindings": [old]}});
    assert_eq!(engine.refusal(Method::POST, &set, &back).await.0, 400);
    for member in [
        "nobody",
        "serviceAccount:none@clawbake-local.iam.gserviceaccount.com",
    ] {
        let policy =
            json!({"policy": {"bindings": [{"role": "roles/viewer", "members": [member]}]}});
        assert_eq!(
            engine.refusal(Method::POST, &set, &policy).await.0,
            400,
            "{member}"
        );
    }
    let asked = json!({"permissions": ["compute.instances.create", "storage.buckets.get"]});
    let held = engine
        .post(&format!("{path}:testIamPermissions"), &asked)
        .await;
    assert_eq!(held, asked);
}
