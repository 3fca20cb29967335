use serde_json::json;

use crate::gcloud::Gcloud;

pub fn buckets(engine: &mut Gcloud) {
    engine.gcloud(&[
        "storage",
        "buckets",
        "create",
        "gs://gcloud-bucket",
        "--location=us-central1",
        "--uniform-bucket-level-access",
    ]);
    let rule = json!({"rule": [{"action": {"type": "Delete"}, "condition": {"age": 7}}]});
    engine.write("lifecycle.json", rule.to_string().as_bytes());
    engine.gcloud(&[
        "storage",
        "buckets",
        "update",
        "gs://gcloud-bucket",
        "--lifecycle-file=lifecycle.json",
    ]);
    let bucket = engine.json(&["storage", "buckets", "describe", "gs://gcloud-bucket"]);
    assert_eq!(
        (
            &bucket["lifecycle_config"],
            &bucket["uniform_bucket_level_access"]
        ),
        (&rule, &json!(true))
    );
    let listed = engine.json(&["storage", "buckets", "list"]);
    assert_eq!(listed[0]["name"], "gcloud-bucket");
    engine.gcloud(&[
        "storage",
        "buckets",
        "add-iam-policy-binding",
        "gs://gcloud-bucket",
        "--member=user:a@example.com",
        "--role=roles/storage.objectViewer",
    ]);
    let policy = engine.json(&["storage", "buckets", "get-iam-policy", "gs://gcloud-bucket"]);
    assert!(
        policy.to_string().contains("user:a@example.com"),
        "{policy}"
    );
}

pub fn objects(engine: &mut Gcloud) {
    // Above gcloud's limit for uploads in one request, so that one is resumable.
    let big: Vec<u8> = (0..20_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    engine.write("big", &big);
    engine.gcloud(&["storage", "cp", "big", "gs://gcloud-bucket/big"]);
    engine.gcloud(&["storage", "cp", "one", "two", "gs://gcloud-bucket/dir/"]);
    let listed = engine.gcloud(&["storage", "ls", "gs://gcloud-bucket"]);
    assert_eq!(listed, "gs://gcloud-bucket/big\ngs://gcloud-bucket/dir/");
    assert_eq!(
        engine.gcloud(&["storage", "cat", "gs://gcloud-bucket/dir/one"]),
        "first"
    );
    engine.gcloud(&["storage", "cp", "gs://gcloud-bucket/big", "back"]);
    assert!(engine.read("back") == big, "the download differs");

    engine.gcloud(&[
        "storage",
        "cp",
        "gs://gcloud-bucket/dir/one",
        "gs://gcloud-bucket/copy",
    ]);
    engine.gcloud(&[
        "storage",
        "mv",
        "gs://gcloud-bucket/copy",
        "gs://gcloud-bucket/moved",
    ]);
    engine.gcloud(&[
        "storage",
        "objects",
        "update",
        "gs://gcloud-bucket/moved",
        "--content-type=text/html",
    ]);
    let object = engine.json(&["storage", "objects", "describe", "gs://gcloud-bucket/moved"]);
    assert_eq!(
        (&object["content_type"], &object["metageneration"]),
        (&json!("text/html"), &json!(2))
    );
    let taken = [
        "storage",
        "cp",
        "two",
        "gs://gcloud-bucket/moved",
        "--if-generation-match=0",
    ];
    let words = engine.refused(&taken);
    assert!(words.contains("pre-conditions"), "{words}");
    engine.gcloud(&[
        "storage",
        "objects",
        "compose",
        "gs://gcloud-bucket/dir/one",
        "gs://gcloud-bucket/dir/two",
        "gs://gcloud-bucket/joined",
    ]);
    assert_eq!(
        engine.gcloud(&["storage", "cat", "gs://gcloud-bucket/joined"]),
        "firstsecond"
    );
    engine.gcloud(&["storage", "rm", "gs://gcloud-bucket/joined"]);
    let listed = engine.gcloud(&["storage", "ls", "--recursive", "gs://gcloud-bucket/**"]);
    assert!(
        !listed.contains("joined") && listed.contains("dir/two"),
        "{listed}"
    );
    engine.gcloud(&["storage", "rm", "--recursive", "gs://gcloud-bucket"]);
    assert_eq!(engine.json(&["storage", "buckets", "list"]), json!([]));
}
