//! Secret Manager, from outside and from inside a machine.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::engine::{Engine, METADATA, ZONE, answer, ask_in_guest};

#[tokio::test]
async fn a_secret_is_given_to_whom_its_policy_names() {
    let engine = Engine::start();
    let secrets = "/v1/projects/clawbake-local/secrets";
    let replication = json!({"replication": {"automatic": {}}});
    let secret = engine
        .post(&format!("{secrets}?secretId=s"), &replication)
        .await;
    let path = format!("/v1/{}", secret["name"].as_str().unwrap());
    let (code, status, _) = engine
        .refusal(
            Method::GET,
            &format!("{path}/versions/latest:access"),
            &json!({}),
        )
        .await;
    assert_eq!((code, status.as_str()), (404, "NOT_FOUND"));

    // "hello", whose CRC32C is 0x9a71bb4c.
    let bad = json!({"payload": {"data": "aGVsbG8=", "dataCrc32c": "1"}});
    let (code, status, _) = engine
        .refusal(Method::POST, &format!("{path}:addVersion"), &bad)
        .await;
    assert_eq!((code, status.as_str()), (400, "INVALID_ARGUMENT"));
    let good = json!({"payload": {"data": "aGVsbG8=", "dataCrc32c": "2591144780"}});
    engine.post(&format!("{path}:addVersion"), &good).await;
    let access = format!("{path}/versions/latest:access");
    let payload = engine.get(&access).await["payload"].clone();
    assert_eq!(
        payload,
        json!({"data": "aGVsbG8=", "dataCrc32c": "2591144780"})
    );

    let account = json!({"serviceAccounts": [{"email": "default", "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}]});
    let instance = engine.insert_instance("vm", &account).await;
    let email = instance["serviceAccounts"][0]["email"].as_str().unwrap();
    let metadata = engine.inside(&instance, "metadata.sock");
    let token = format!("{METADATA}/service-accounts/default/token");
    let (_, token) = answer(metadata.get(token).header("Metadata-Flavor", "Google")).await;
    let api = engine.inside(&instance, "api.sock");
    let token = token["access_token"].as_str().unwrap();
    let inside = |path: &str| ask_in_guest(&api, path.to_owned(), token);
    let (status, body) = inside(&access).await;
    let words = format!(
        "Permission 'secretmanager.versions.access' denied for resource '{}/versions/latest' (or it may not exist).",
        &path[4..]
    );
    assert_eq!(
        (status, &body["error"]["status"], &body["error"]["message"]),
        (
            StatusCode::FORBIDDEN,
            &json!("PERMISSION_DENIED"),
            &json!(words)
        )
    );

    let policy = json!({"policy": {"bindings": [{"role": "roles/secretmanager.secretAccessor", "members": [format!("serviceAccount:{email}")]}]}});
    engine.post(&format!("{path}:setIamPolicy"), &policy).await;
    assert_eq!(
        engine.get(&format!("{path}:getIamPolicy")).await["bindings"],
        policy["policy"]["bindings"]
    );
    assert_eq!(
        inside(&access).await,
        (StatusCode::OK, engine.get(&access).await)
    );
    assert_eq!(inside(&path).await.0, 403);
    assert_eq!(inside(&format!("{ZONE}/instances")).await.0, 403);

    engine
        .post(&format!("{path}/versions/1:disable"), &json!({}))
        .await;
    let (code, status, words) = engine.refusal(Method::GET, &access, &json!({})).await;
    assert_eq!(
        (code, status.as_str()),
        (400, "FAILED_PRECONDITION"),
        "{words}"
    );
    engine
        .post(&format!("{path}/versions/1:destroy"), &json!({}))
        .await;
    let (code, ..) = engine
        .refusal(
            Method::POST,
            &format!("{path}/versions/1:enable"),
            &json!({}),
        )
        .await;
    assert_eq!(code, 400);
}
