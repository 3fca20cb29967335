//! What a service account may do: what its roles say, where their conditions hold.

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Engine, GLOBAL, ZONE, answer};

const PROJECT: &str = "/v1/projects/clawbake-local";
const BUCKET: &str = "/storage/v1/b/grants";
const PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A service account that somebody acts as.
struct Account<'a> {
    engine: &'a Engine,
    email: String,
    token: String,
}

impl<'a> Account<'a> {
    async fn new(engine: &'a Engine, id: &str) -> Self {
        let request = json!({"accountId": id});
        let accounts = format!("{PROJECT}/serviceAccounts");
        let account = engine.post(&accounts, &request).await;
        let email = account["email"].as_str().unwrap().to_owned();
        let path = format!("/v1/projects/-/serviceAccounts/{email}:generateAccessToken");
        let token = engine.post(&path, &json!({"scope": [PLATFORM]})).await;
        let token = token["accessToken"].as_str().unwrap().to_owned();
        Self {
            engine,
            email,
            token,
        }
    }

    /// What it is told: nothing, or a message of status 403.
    async fn refusal(&self, method: Method, path: &str, body: &Value) -> Option<String> {
        let url = format!("{}{path}", self.engine.endpoint.url);
        let request = self.engine.http.request(method, url);
        let (status, body) = answer(request.bearer_auth(&self.token).json(body)).await;
        let message = || body["error"]["message"].as_str().unwrap().to_owned();
        match status.as_u16() {
            200 => None,
            403 => Some(message()),
            _ => panic!("{path}: {body}"),
        }
    }

    /// Has it these roles in the project, and no others.
    async fn hold(&self, roles: &[(&str, Value)]) {
        let member = format!("serviceAccount:{}", self.email);
        let bindings: Vec<_> = roles
            .iter()
            .map(|(role, condition)| match condition {
                Value::Null => json!({"role": role, "members": [member]}),
                condition => json!({"role": role, "members": [member], "condition": condition}),
            })
            .collect();
        let policy = json!({"policy": {"version": 3, "bindings": bindings}});
        let path = "/v3/projects/clawbake-local:setIamPolicy";
        self.engine.post(path, &policy).await;
    }
}

#[tokio::test]
async fn roles_say_what_compute_engine_and_storage_do_for_an_account() {
    let engine = Engine::start();
    engine
        .post(
            "/storage/v1/b?project=clawbake-local",
            &json!({"name": "grants"}),
        )
        .await;
    let account = Account::new(&engine, "grantee").await;
    let (instances, disks) = (format!("{ZONE}/instances"), format!("{ZONE}/disks"));
    let disk = json!({"name": "d", "sizeGb": "1", "labels": {"a": "b"}});
    let get = async |path: &str| account.refusal(Method::GET, path, &json!({})).await;

    assert_eq!(
        get(&instances).await.unwrap(),
        "Required 'compute.instances.list' permission for 'projects/clawbake-local'"
    );
    let email = &account.email;
    assert_eq!(
        get(BUCKET).await.unwrap(),
        format!(
            "{email} does not have storage.buckets.get access to the Google Cloud Storage bucket. \
             Permission 'storage.buckets.get' denied on resource (or it may not exist)."
        )
    );
    // However it is written.
    let policy = json!({"bindings": []});
    let put = account.refusal(Method::PUT, "/storage/v1/b/%67rants/iam", &policy);
    assert!(put.await.unwrap().contains("storage.buckets.setIamPolicy"));
    account.hold(&[("roles/compute.viewer", Value::Null)]).await;
    assert_eq!(get(&instances).await, None);
    let refused = account.refusal(Method::POST, &disks, &disk).await;
    assert!(
        refused
            .unwrap()
            .starts_with("Required 'compute.disks.create'")
    );

    // What a body asks for counts too.
    let role = json!({"roleId": "disks", "role": {"title": "d", "includedPermissions": ["compute.disks.create"]}});
    let role = engine.post(&format!("{PROJECT}/roles"), &role).await;
    let role = role["name"].as_str().unwrap();
    account.hold(&[(role, Value::Null)]).await;
    let refused = account.refusal(Method::POST, &disks, &disk).await;
    assert!(
        refused
            .unwrap()
            .starts_with("Required 'compute.disks.setLabels'")
    );
    let plain = json!({"name": "d", "sizeGb": "1"});
    assert_eq!(account.refusal(Method::POST, &disks, &plain).await, None);

    // A role on a bucket, and on nothing else.
    let policy = json!({"bindings": [
        {"role": "roles/storage.objectViewer", "members": [format!("serviceAccount:{email}")]},
    ]});
    let path = format!("{BUCKET}/iam");
    assert_eq!(engine.call(Method::PUT, &path, &policy).await.0, 200);
    assert_eq!(get(&format!("{BUCKET}/o")).await, None);
    let list = get("/storage/v1/b?project=clawbake-local").await;
    assert!(
        list.unwrap()
            .contains("storage.buckets.list access to the Google Cloud project")
    );
    let public = GLOBAL.replace("clawbake-local", "debian-cloud");
    assert_eq!(get(&format!("{public}/images")).await, None);
}

#[tokio::test]
async fn a_vm_runs_as_an_account_that_its_maker_may_act_as() {
    let engine = Engine::start();
    let account = Account::new(&engine, "grantee").await;
    account.hold(&[("roles/compute.admin", Value::Null)]).await;
    let vm = "clawbake-vm@clawbake-local.iam.gserviceaccount.com";
    let instance = json!({
        "name": "vm",
        "machineType": "zones/us-central1-a/machineTypes/e2-micro",
        "disks": [{"boot": true, "autoDelete": true, "initializeParams": {"diskSizeGb": "1"}}],
        "networkInterfaces": [{"network": "global/networks/default"}],
        "serviceAccounts": [{"email": vm, "scopes": [PLATFORM]}],
    });
    let instances = format!("{ZONE}/instances");
    assert_eq!(
        account
            .refusal(Method::POST, &instances, &instance)
            .await
            .unwrap(),
        format!(
            "Required 'iam.serviceAccounts.actAs' permission for \
             'projects/clawbake-local/serviceAccounts/{vm}'"
        )
    );
    let policy = json!({"policy": {"bindings": [{
        "role": "roles/iam.serviceAccountUser",
        "members": [format!("serviceAccount:{}", account.email)],
    }]}});
    let path = format!("{PROJECT}/serviceAccounts/{vm}:setIamPolicy");
    engine.post(&path, &policy).await;
    assert_eq!(
        account.refusal(Method::POST, &instances, &instance).await,
        None
    );
}

#[tokio::test]
async fn what_a_template_gives_is_asked_for_as_well() {
    let engine = Engine::start();
    let template = json!({"name": "t", "properties": {
        "machineType": "e2-micro",
        "disks": [{"boot": true, "initializeParams": {"diskSizeGb": "1"}}, {"source": "state"}],
        "networkInterfaces": [{"network": "global/networks/default"}],
    }});
    let templates = format!("{GLOBAL}/instanceTemplates");
    engine.mutate(Method::POST, &templates, &template).await;
    let disk = json!({"name": "state", "sizeGb": "1"});
    engine
        .mutate(Method::POST, &format!("{ZONE}/disks"), &disk)
        .await;
    let account = Account::new(&engine, "grantee").await;
    let roles = format!("{PROJECT}/roles");
    let mut held = vec!["compute.instances.create"];
    let role = json!({"roleId": "maker", "role": {"includedPermissions": held}});
    engine.post(&roles, &role).await;
    let role = "projects/clawbake-local/roles/maker";
    account.hold(&[(role, Value::Null)]).await;
    let from = format!("{ZONE}/instances?sourceInstanceTemplate=global/instanceTemplates/t");
    let vm = json!({"name": "vm"});
    for (permission, on) in [
        (
            "compute.instanceTemplates.useReadOnly",
            "global/instanceTemplates/t",
        ),
        ("compute.disks.create", "zones/us-central1-a/disks/vm"),
        ("compute.disks.use", "zones/us-central1-a/disks/state"),
        (
            "compute.subnetworks.use",
            "regions/us-central1/subnetworks/default",
        ),
    ] {
        let refused = account.refusal(Method::POST, &from, &vm).await.unwrap();
        assert_eq!(
            refused,
            format!("Required '{permission}' permission for 'projects/clawbake-local/{on}'")
        );
        held.push(permission);
        let path = format!("/v1/{role}");
        let more = json!({"includedPermissions": held});
        assert_eq!(engine.call(Method::PATCH, &path, &more).await.0, 200);
    }
    assert_eq!(account.refusal(Method::POST, &from, &vm).await, None);
}

#[tokio::test]
async fn a_condition_says_which_secrets() {
    let engine = Engine::start();
    let secrets = format!("{PROJECT}/secrets");
    let automatic = json!({"replication": {"automatic": {}}});
    for id in ["test-one", "other"] {
        engine
            .post(&format!("{secrets}?secretId={id}"), &automatic)
            .await;
    }
    let account = Account::new(&engine, "grantee").await;
    let expression = "resource.name.extract(\"secrets/{name}\").startsWith(\"test-\")";
    let condition = json!({"title": "tests", "expression": expression});
    account
        .hold(&[("roles/secretmanager.admin", condition)])
        .await;
    let get = async |id: &str| {
        let path = format!("{secrets}/{id}");
        account.refusal(Method::GET, &path, &json!({})).await
    };
    assert_eq!(get("test-one").await, None);
    assert!(
        get("other")
            .await
            .unwrap()
            .contains("'secretmanager.secrets.get' denied")
    );
    // A new secret is the project's affair.
    let new = format!("{secrets}?secretId=test-two");
    let refused = account.refusal(Method::POST, &new, &automatic).await;
    assert!(
        refused
            .unwrap()
            .contains("'secretmanager.secrets.create' denied")
    );
}

#[tokio::test]
async fn a_token_for_a_token_is_the_same_callers() {
    let engine = Engine::start();
    let account = Account::new(&engine, "grantee").await;
    let path = format!(
        "/v1/projects/-/serviceAccounts/{}:generateAccessToken",
        account.email
    );
    let body = json!({"scope": [PLATFORM]});
    let refused = account.refusal(Method::POST, &path, &body).await;
    assert!(
        refused
            .unwrap()
            .contains("'iam.serviceAccounts.getAccessToken' denied")
    );

    let exchange = async |token: &str, kind: &str| {
        let form = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token", token),
            ("subject_token_type", kind),
        ];
        let url = format!("{}/v1/token", engine.endpoint.url);
        answer(engine.http.post(url).form(&form)).await
    };
    let owner = &engine.endpoint.token;
    for token in [owner, &account.token] {
        let (status, answer) = exchange(token, ACCESS_TOKEN).await;
        assert_eq!(
            (status.as_u16(), &answer["access_token"]),
            (200, &json!(token))
        );
    }
    for (token, kind, error) in [
        ("guess", ACCESS_TOKEN, "invalid_grant"),
        (
            owner,
            "urn:ietf:params:oauth:token-type:jwt",
            "invalid_request",
        ),
    ] {
        let (status, answer) = exchange(token, kind).await;
        assert_eq!((status.as_u16(), &answer["error"]), (400, &json!(error)));
    }
}
