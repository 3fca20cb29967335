//! Objects: listed, copied, composed, and changed only by who has seen them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Engine, answer};

async fn upload(engine: &Engine, name: &str, content: &'static str) -> Value {
    let path = format!("/upload/storage/v1/b/bucket/o?uploadType=media&name={name}");
    let (status, object) = answer(engine.request(Method::POST, &path).body(content)).await;
    assert_eq!(status, 200, "{object}");
    object
}

async fn with_bucket() -> Engine {
    let engine = Engine::start();
    let bucket = json!({"name": "bucket", "location": "us-central1"});
    engine
        .post("/storage/v1/b?project=clawbake-local", &bucket)
        .await;
    engine
}

async fn content(engine: &Engine, name: &str) -> String {
    let path = format!("/storage/v1/b/bucket/o/{name}?alt=media");
    engine
        .request(Method::GET, &path)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

#[tokio::test]
async fn generations_guard_against_who_was_quicker() {
    let engine = with_bucket().await;
    let first = upload(&engine, "o", "one").await;
    let generation = first["generation"].as_str().unwrap();
    let new = "/upload/storage/v1/b/bucket/o?uploadType=media&name=o&ifGenerationMatch=";
    let put = async |wanted: &str| {
        let request = engine.request(Method::POST, &format!("{new}{wanted}"));
        answer(request.body("two")).await.0.as_u16()
    };
    assert_eq!(put("0").await, 412);
    assert_eq!(content(&engine, "o").await, "one");
    assert_eq!(put(generation).await, 200);
    assert_eq!(put(generation).await, 412);
    let delete = format!("/storage/v1/b/bucket/o/o?ifGenerationMatch={generation}");
    assert_eq!(
        engine.refusal(Method::DELETE, &delete, &json!({})).await.1,
        "conditionNotMet"
    );
    let (_, changed) = engine
        .call(
            Method::PATCH,
            "/storage/v1/b/bucket/o/o",
            &json!({"contentType": "text/html", "metadata": {"a": "b"}}),
        )
        .await;
    assert_eq!(
        (&changed["metageneration"], &changed["metadata"]["a"]),
        (&json!("2"), &json!("b"))
    );
    let stale = "/storage/v1/b/bucket/o/o?ifMetagenerationMatch=1";
    assert_eq!(
        engine
            .refusal(Method::PATCH, stale, &json!({"metadata": null}))
            .await
            .0,
        412
    );
}

#[tokio::test]
async fn objects_are_made_of_parts_copies_and_compositions() {
    let engine = with_bucket().await;
    let body = "--b\r\nContent-Type: application/json\r\n\r\n{\"name\": \"d/o\", \"metadata\": {\"k\": \"v\"}}\r\n\
                --b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--";
    let request = engine.request(
        Method::POST,
        "/upload/storage/v1/b/bucket/o?uploadType=multipart",
    );
    let request = request
        .header("Content-Type", "multipart/related; boundary=b")
        .body(body);
    let (_, object) = answer(request).await;
    assert_eq!(
        (&object["name"], &object["contentType"], &object["size"]),
        (&json!("d/o"), &json!("text/plain"), &json!("5"))
    );
    upload(&engine, "world", "%20world").await;

    let rewritten = engine
        .post(
            "/storage/v1/b/bucket/o/d%2Fo/rewriteTo/b/bucket/o/d%2Fp",
            &json!({}),
        )
        .await;
    assert_eq!(
        (&rewritten["done"], &rewritten["resource"]["metadata"]["k"]),
        (&json!(true), &json!("v"))
    );
    assert_eq!(rewritten["resource"]["crc32c"], object["crc32c"]);
    let sources = json!({"sourceObjects": [{"name": "d/p"}, {"name": "world"}]});
    let composed = engine
        .post("/storage/v1/b/bucket/o/all/compose", &sources)
        .await;
    assert_eq!(
        (&composed["componentCount"], &composed["md5Hash"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(content(&engine, "all").await, "hello%20world");

    let listed = engine.get("/storage/v1/b/bucket/o?delimiter=/").await;
    assert_eq!(listed["prefixes"], json!(["d/"]));
    let names: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["name"].clone())
        .collect();
    assert_eq!(names, ["all", "world"]);
    let files = std::fs::read_dir(engine.dir.path().join("objects")).unwrap();
    assert_eq!(
        files.count(),
        4,
        "an object has one file, and nothing else is left"
    );
}

#[tokio::test]
async fn a_bucket_keeps_its_lifecycle_access_and_policy() {
    let engine = with_bucket().await;
    let rule = json!({"rule": [{"action": {"type": "Delete"}, "condition": {"age": 7}}]});
    let changes = json!({"lifecycle": rule, "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": true}}});
    let (_, bucket) = engine
        .call(Method::PATCH, "/storage/v1/b/bucket", &changes)
        .await;
    assert_eq!(
        (&bucket["lifecycle"], &bucket["metageneration"]),
        (&rule, &json!("2"))
    );
    let access = &bucket["iamConfiguration"];
    assert_eq!(
        access["bucketPolicyOnly"],
        access["uniformBucketLevelAccess"]
    );
    assert_eq!(access["publicAccessPrevention"], "inherited");
    let versions = json!({"versioning": {"enabled": true}});
    assert_eq!(
        engine
            .refusal(Method::PATCH, "/storage/v1/b/bucket", &versions)
            .await
            .0,
        400
    );
    let unknown = json!({"lifecicle": {}});
    assert_eq!(
        engine
            .refusal(Method::PATCH, "/storage/v1/b/bucket", &unknown)
            .await
            .0,
        400
    );

    let path = "/storage/v1/b/bucket/iam";
    let mut policy = engine.get(path).await;
    let viewer = json!({"role": "roles/storage.objectViewer", "members": ["user:a@example.com"]});
    policy["bindings"].as_array_mut().unwrap().push(viewer);
    let (status, _) = engine.call(Method::PUT, path, &policy).await;
    assert_eq!(status, 200);
    assert_eq!(engine.get(path).await["bindings"], policy["bindings"]);
    assert_eq!(engine.refusal(Method::PUT, path, &policy).await.0, 412);
    assert_eq!(
        engine
            .get("/storage/v1/b?project=clawbake-local&prefix=buck")
            .await["items"][0]["name"],
        "bucket"
    );
    assert_eq!(
        engine
            .refusal(Method::GET, "/storage/v1/b?project=none-such", &json!({}))
            .await
            .0,
        403
    );
}
