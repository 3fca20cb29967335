//! What ends without anybody asking for it.

use std::time::{Duration, Instant};

use reqwest::Method;
use rusqlite::Connection;
use serde_json::json;

use crate::engine::{Engine, ZONE, answer};

const BUCKETS: &str = "/storage/v1/b?project=clawbake-local";

/// Begins an upload to a bucket and sends a part of it; returns where it goes on.
async fn begin(engine: &Engine, bucket: &str) -> String {
    let path = format!("/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=o");
    let begun = engine.request(Method::POST, &path).json(&json!({})).send();
    let begun = begun.await.unwrap();
    let location = begun.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(go_on(engine, &location, "bytes 0-3/9").await, 308);
    location
}

async fn go_on(engine: &Engine, session: &str, range: &str) -> u16 {
    let (_, query) = session.split_once("/upload/").unwrap();
    let request = engine.request(Method::PUT, &format!("/upload/{query}"));
    let request = request.header("Content-Range", range).body("four");
    request.send().await.unwrap().status().as_u16()
}

fn parts(engine: &Engine) -> usize {
    std::fs::read_dir(engine.dir.path().join("objects"))
        .unwrap()
        .count()
}

#[tokio::test]
async fn an_upload_ends_with_its_bucket() {
    let engine = Engine::start();
    for name in ["one", "two"] {
        engine.post(BUCKETS, &json!({"name": name})).await;
    }
    let (one, two) = (begin(&engine, "one").await, begin(&engine, "two").await);
    let (status, _) = answer(engine.request(Method::DELETE, "/storage/v1/b/one")).await;
    assert_eq!(status, 204);
    assert_eq!(go_on(&engine, &one, "bytes 4-7/9").await, 404);
    assert_eq!(go_on(&engine, &two, "bytes 4-7/9").await, 308);
    assert_eq!(parts(&engine), 1);
}

#[tokio::test]
async fn operations_are_kept_for_two_weeks_and_uploads_for_one() {
    let engine = Engine::start();
    engine.post(BUCKETS, &json!({"name": "bucket"})).await;
    let (old, young) = (
        begin(&engine, "bucket").await,
        begin(&engine, "bucket").await,
    );
    let mut operations = Vec::new();
    for name in ["a", "b"] {
        let disks = format!("{ZONE}/disks?requestId={}", uuid::Uuid::new_v4());
        let body = json!({"name": name, "sizeGb": "1"});
        let operation = engine.post(&disks, &body).await;
        engine.done(&operation).await;
        operations.push(operation["name"].as_str().unwrap().to_owned());
    }

    let database = Connection::open(engine.dir.path().join("localgce.db")).unwrap();
    let age = |sql: &str, days: u32, id: &str| {
        let id = (id.to_owned(), format!("-{days} days"));
        assert_eq!(database.execute(sql, id).unwrap(), 1, "{sql}");
    };
    let end = "UPDATE resource SET body = json_set(body, '$.endTime',
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2)) WHERE name = ?1";
    let begun = "UPDATE upload SET begun = unixepoch('now', ?2) WHERE ?1 LIKE '%upload_id=' || id";
    age(end, 15, &operations[0]);
    age(end, 13, &operations[1]);
    age(begun, 8, &old);
    age(begun, 6, &young);
    let engine = engine.restart();
    let end = Instant::now() + Duration::from_secs(10);
    while parts(&engine) > 1 {
        assert!(Instant::now() < end, "an upload outlives its week");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let path = |name: &str| format!("{ZONE}/operations/{name}");
    let (code, ..) = engine
        .refusal(Method::GET, &path(&operations[0]), &json!({}))
        .await;
    assert_eq!(code, 404);
    engine.get(&path(&operations[1])).await;
    let requests = database.query_row("SELECT count(*) FROM request", [], |row| row.get(0));
    assert_eq!(requests, Ok(1));
    assert_eq!(go_on(&engine, &old, "bytes 4-7/9").await, 404);
    assert_eq!(go_on(&engine, &young, "bytes 4-7/9").await, 308);
}

#[tokio::test]
async fn what_was_being_deleted_is_gone_with_the_next_engine() {
    let engine = Engine::start();
    let disks = format!("{ZONE}/disks");
    for name in ["gone", "stays"] {
        let body = json!({"name": name, "sizeGb": "1"});
        engine.mutate(Method::POST, &disks, &body).await;
    }
    // As a kill leaves it between the answer and the work.
    let database = Connection::open(engine.dir.path().join("localgce.db")).unwrap();
    let deleting = "UPDATE resource SET body = json_set(body, '$.status', 'DELETING')
        WHERE parent LIKE '%/disks' AND name = 'gone'";
    assert_eq!(database.execute(deleting, []).unwrap(), 1);
    let engine = engine.restart();
    let left = engine.get(&disks).await["items"].clone();
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["name"]),
        (1, &json!("stays"))
    );
    let files = std::fs::read_dir(engine.dir.path().join("disks")).unwrap();
    assert_eq!(files.count(), 1);
}
