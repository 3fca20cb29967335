//! Service accounts, custom roles, and what a machine may do by them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Engine, METADATA, ZONE, answer};

const PROJECT: &str = "/v1/projects/clawbake-local";

#[tokio::test]
async fn an_account_is_made_used_and_deleted() {
    let engine = Engine::start();
    let accounts = format!("{PROJECT}/serviceAccounts");
    let request = json!({"accountId": "my-account", "serviceAccount": {"displayName": "Mine"}});
    let account = engine.post(&accounts, &request).await;
    let email = "my-account@clawbake-local.iam.gserviceaccount.com";
    assert_eq!(
        (&account["email"], &account["displayName"]),
        (&json!(email), &json!("Mine"))
    );
    let (code, status, _) = engine.refusal(Method::POST, &accounts, &request).await;
    assert_eq!((code, status.as_str()), (409, "ALREADY_EXISTS"));
    let path = format!("/v1/{}", account["name"].as_str().unwrap());
    assert_eq!(engine.get(&path).await, account);
    assert_eq!(
        engine
            .get(&format!("/v1/projects/-/serviceAccounts/{email}"))
            .await,
        account
    );
    let emails: Vec<_> = engine.get(&accounts).await["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["email"].clone())
        .collect();
    assert!(
        emails.contains(&json!("clawbake-vm@clawbake-local.iam.gserviceaccount.com")),
        "{emails:?}"
    );
    assert!(
        emails.contains(&json!("417203886551-compute@developer.gserviceaccount.com")),
        "{emails:?}"
    );

    let instance = |email: &str| {
        json!({
            "name": "vm",
            "machineType": "zones/us-central1-a/machineTypes/e2-micro",
            "disks": [{"boot": true, "autoDelete": true, "initializeParams": {"diskSizeGb": "1"}}],
            "networkInterfaces": [{"network": "global/networks/default"}],
            "serviceAccounts": [{"email": email, "scopes": []}],
        })
    };
    let instances = format!("{ZONE}/instances");
    let none = "none@clawbake-local.iam.gserviceaccount.com";
    let (code, _, message) = engine
        .refusal(Method::POST, &instances, &instance(none))
        .await;
    assert_eq!(code, 404);
    assert_eq!(
        message,
        format!("The resource '{none}' of type 'serviceAccount' was not found.")
    );
    engine
        .mutate(Method::POST, &instances, &instance(email))
        .await;

    let user = json!({"policy": {"bindings": [{"role": "roles/iam.serviceAccountUser", "members": ["user:a@example.com"]}]}});
    engine.post(&format!("{path}:setIamPolicy"), &user).await;
    let policy = engine
        .post(&format!("{path}:getIamPolicy"), &json!({}))
        .await;
    assert_eq!(policy["bindings"], user["policy"]["bindings"]);
    let (status, _) = engine.call(Method::DELETE, &path, &json!({})).await;
    assert_eq!(status, 200);
    let (code, _, message) = engine.refusal(Method::GET, &path, &json!({})).await;
    assert_eq!((code, message.as_str()), (404, "Unknown service account"));
}

#[tokio::test]
async fn a_custom_role_grants_a_machine_what_it_includes_and_no_more() {
    let engine = Engine::start();
    let roles = format!("{PROJECT}/roles");
    let permissions = json!([
        "resourcemanager.projects.get",
        "secretmanager.versions.list"
    ]);
    let request =
        json!({"roleId": "mine", "role": {"title": "Mine", "includedPermissions": permissions}});
    let role = engine.post(&roles, &request).await;
    assert_eq!(engine.refusal(Method::POST, &roles, &request).await.0, 409);
    let name = role["name"].as_str().unwrap();
    assert_eq!(engine.get(&format!("/v1/{name}")).await, role);
    let listed = engine.get(&roles).await;
    assert_eq!(listed["roles"][0]["includedPermissions"], Value::Null);
    let stale = json!({"title": "Other", "etag": "c3RhbGU="});
    let (code, status, _) = engine
        .refusal(
            Method::PATCH,
            &format!("/v1/{name}?updateMask=title"),
            &stale,
        )
        .await;
    assert_eq!((code, status.as_str()), (409, "ABORTED"));

    let account = json!({"serviceAccounts": [{"email": "default", "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}]});
    let instance = engine.insert_instance("vm", &account).await;
    let email = instance["serviceAccounts"][0]["email"].as_str().unwrap();
    let metadata = engine.inside(&instance, "metadata.sock");
    let token = format!("{METADATA}/service-accounts/default/token");
    let (_, token) = answer(metadata.get(token).header("Metadata-Flavor", "Google")).await;
    let token = token["access_token"].as_str().unwrap();
    let asked = json!({"permissions": ["resourcemanager.projects.get", "compute.instances.list"]});
    let test = async || {
        let url = format!(
            "{}/v3/projects/clawbake-local:testIamPermissions",
            engine.endpoint.url
        );
        answer(engine.http.post(url).bearer_auth(token).json(&asked))
            .await
            .1
    };
    let get = async |path: &str| {
        let url = format!("{}{path}", engine.endpoint.url);
        answer(engine.http.get(url).bearer_auth(token))
            .await
            .0
            .as_u16()
    };
    assert_eq!(test().await, json!({}));
    assert_eq!(get("/v3/projects/clawbake-local").await, 403);
    let binding = json!([{"role": name, "members": [format!("serviceAccount:{email}")]}]);
    let policy = json!({"policy": {"bindings": binding}});
    engine
        .post("/v3/projects/clawbake-local:setIamPolicy", &policy)
        .await;
    assert_eq!(
        test().await,
        json!({"permissions": ["resourcemanager.projects.get"]})
    );
    assert_eq!(get("/v3/projects/clawbake-local").await, 200);
    assert_eq!(get(&roles).await, 403);
    assert_eq!(get(&format!("{PROJECT}/secrets")).await, 403);
    let (_, deleted) = engine
        .call(Method::DELETE, &format!("/v1/{name}"), &json!({}))
        .await;
    assert_eq!(deleted["deleted"], true);
    assert_eq!(test().await, json!({}));
}
