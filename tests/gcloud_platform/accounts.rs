use serde_json::json;

use crate::PROJECT;
use crate::gcloud::Gcloud;

pub fn accounts(engine: &mut Gcloud) {
    engine.gcloud(&[
        "iam",
        "service-accounts",
        "create",
        "gateway-vm",
        "--display-name=VM",
    ]);
    let email = format!("gateway-vm@{PROJECT}.iam.gserviceaccount.com");
    let account = engine.json(&["iam", "service-accounts", "describe", &email]);
    assert_eq!(account["displayName"], "VM");
    let member = format!("--member=serviceAccount:{email}");
    let user = "--role=roles/iam.serviceAccountUser";
    engine.gcloud(&[
        "iam",
        "service-accounts",
        "add-iam-policy-binding",
        &email,
        "--member=user:a@example.com",
        user,
    ]);
    let policy = engine.json(&["iam", "service-accounts", "get-iam-policy", &email]);
    assert_eq!(
        policy["bindings"][0]["role"],
        "roles/iam.serviceAccountUser"
    );

    let permissions = "--permissions=compute.instances.create,compute.instances.get";
    engine.gcloud(&[
        "iam",
        "roles",
        "create",
        "deployer",
        "--project=clawbake-gcloud",
        "--title=Deployer",
        permissions,
    ]);
    engine.gcloud(&[
        "iam",
        "roles",
        "update",
        "deployer",
        "--project=clawbake-gcloud",
        "--add-permissions=compute.disks.create",
    ]);
    let role = engine.json(&[
        "iam",
        "roles",
        "describe",
        "deployer",
        "--project=clawbake-gcloud",
    ]);
    assert_eq!(role["includedPermissions"].as_array().unwrap().len(), 3);
    assert_eq!(
        engine.json(&["iam", "roles", "list", "--project=clawbake-gcloud"])[0]["title"],
        "Deployer"
    );

    let role = format!("--role=projects/{PROJECT}/roles/deployer");
    engine.gcloud(&[
        "projects",
        "add-iam-policy-binding",
        PROJECT,
        &member,
        &role,
    ]);
    let policy = engine.json(&["projects", "get-iam-policy", PROJECT]);
    assert_eq!(
        policy["bindings"][0]["members"],
        json!([format!("serviceAccount:{email}")])
    );
    engine.gcloud(&[
        "projects",
        "remove-iam-policy-binding",
        PROJECT,
        &member,
        &role,
    ]);
    let policy = engine.json(&["projects", "get-iam-policy", PROJECT]);
    assert!(policy["bindings"].is_null(), "{policy}");
    let stranger = "--member=serviceAccount:none@clawbake-gcloud.iam.gserviceaccount.com";
    let words = engine.refused(&[
        "projects",
        "add-iam-policy-binding",
        PROJECT,
        stranger,
        &role,
    ]);
    assert!(words.contains("does not exist"), "{words}");
}

/// Somebody acts as a service account, which may do what its roles say.
pub fn impersonation(engine: &mut Gcloud) {
    let email = format!("gateway-vm@{PROJECT}.iam.gserviceaccount.com");
    let acting = format!("--impersonate-service-account={email}");
    let create = ["compute", "disks", "create", "d", "--size=200GB"];
    let create = [&create[..], &["--zone=us-central1-a", &acting]].concat();
    let words = engine.refused(&create);
    let missing = format!(
        "Required 'compute.disks.create' permission for \
         'projects/{PROJECT}/zones/us-central1-a/disks/d'"
    );
    assert!(words.contains(&missing), "{words}");
    engine.gcloud(&[
        "projects",
        "add-iam-policy-binding",
        PROJECT,
        &format!("--member=serviceAccount:{email}"),
        "--role=roles/compute.admin",
    ]);
    engine.gcloud(&create);
}
