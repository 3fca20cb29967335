use serde_json::json;

use crate::PROJECT;
use crate::gcloud::Gcloud;

pub fn secrets(engine: &mut Gcloud) {
    engine.write("one", b"first");
    engine.write("two", b"second");
    engine.gcloud(&[
        "secrets",
        "create",
        "s",
        "--data-file=one",
        "--labels=env=test",
    ]);
    engine.gcloud(&["secrets", "versions", "add", "s", "--data-file=two"]);
    let access = ["secrets", "versions", "access", "latest", "--secret=s"];
    assert_eq!(engine.gcloud(&access), "second");
    engine.gcloud(&[
        "secrets",
        "update",
        "s",
        "--update-labels=team=a",
        "--update-version-aliases=good=1",
    ]);
    let secret = engine.json(&["secrets", "describe", "s"]);
    assert_eq!(secret["labels"], json!({"env": "test", "team": "a"}));
    let good = ["secrets", "versions", "access", "good", "--secret=s"];
    assert_eq!(engine.gcloud(&good), "first");
    engine.gcloud(&["secrets", "versions", "disable", "2", "--secret=s"]);
    let words = engine.refused(&access);
    assert!(words.contains("DISABLED state"), "{words}");
    engine.gcloud(&["secrets", "versions", "enable", "2", "--secret=s"]);
    engine.gcloud(&["secrets", "versions", "destroy", "1", "--secret=s"]);
    let states = engine.gcloud(&["secrets", "versions", "list", "s", "--format=value(state)"]);
    assert_eq!(states.to_lowercase(), "enabled\ndestroyed");
    let member = format!("--member=serviceAccount:gateway-vm@{PROJECT}.iam.gserviceaccount.com");
    let role = "--role=roles/secretmanager.secretAccessor";
    engine.gcloud(&["secrets", "add-iam-policy-binding", "s", &member, role]);
    let policy = engine.json(&["secrets", "get-iam-policy", "s"]);
    assert_eq!(
        policy["bindings"][0]["role"],
        "roles/secretmanager.secretAccessor"
    );
    let names = engine.gcloud(&[
        "secrets",
        "list",
        "--filter=labels.env=test",
        "--format=value(name)",
    ]);
    assert_eq!(names, "s");
    engine.gcloud(&["secrets", "delete", "s"]);
    assert_eq!(engine.json(&["secrets", "list"]), json!([]));
}
