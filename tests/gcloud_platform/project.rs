use serde_json::json;

use crate::PROJECT;
use crate::gcloud::Gcloud;

const BILLING: &str = "01C1AB-BA4E00-10CA1E";

pub fn project(engine: &mut Gcloud) {
    engine.gcloud(&[
        "projects",
        "create",
        PROJECT,
        "--name=From gcloud",
        "--labels=made=here",
    ]);
    let project = engine.json(&["projects", "describe", PROJECT]);
    assert_eq!(
        (&project["name"], &project["labels"]),
        (&json!("From gcloud"), &json!({"made": "here"}))
    );
    let listed = engine.gcloud(&["projects", "list", "--format=value(projectId)"]);
    assert_eq!(listed, "clawbake-gcloud\nclawbake-local");
    engine.gcloud(&["config", "set", "project", PROJECT]);

    let words = engine.refused(&["services", "enable", "compute.googleapis.com"]);
    assert!(words.contains("UREQ_PROJECT_BILLING_NOT_FOUND"), "{words}");
    let accounts = engine.json(&["billing", "accounts", "list"]);
    assert_eq!(accounts[0]["name"], format!("billingAccounts/{BILLING}"));
    let account = format!("--billing-account={BILLING}");
    engine.gcloud(&["billing", "projects", "link", PROJECT, &account]);
    let info = engine.json(&["billing", "projects", "describe", PROJECT]);
    assert_eq!(info["billingEnabled"], true);

    let words = engine.refused(&["secrets", "list"]);
    assert!(words.contains("SERVICE_DISABLED"), "{words}");
    engine.gcloud(&[
        "services",
        "enable",
        "compute.googleapis.com",
        "iam.googleapis.com",
        "iamcredentials.googleapis.com",
        "secretmanager.googleapis.com",
    ]);
    let enabled = engine.gcloud(&["services", "list", "--format=value(config.name)"]);
    assert!(
        enabled
            .lines()
            .any(|name| name == "secretmanager.googleapis.com"),
        "{enabled}"
    );
    engine.gcloud(&["services", "disable", "monitoring.googleapis.com"]);
    let enabled = engine.gcloud(&["services", "list", "--format=value(config.name)"]);
    assert!(!enabled.contains("monitoring"), "{enabled}");
}
