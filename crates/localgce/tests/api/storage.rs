//! Cloud Storage.

use reqwest::Method;
use serde_json::json;

use crate::engine::{Engine, answer};

#[tokio::test]
async fn an_upload_goes_on_after_a_cut() {
    let engine = Engine::start();
    engine
        .post(
            "/storage/v1/b?project=clawbake-local",
            &json!({"name": "bucket"}),
        )
        .await;
    let content: Vec<u8> = (0..300_000_u32)
        .map(|n| (n % 251).to_le_bytes()[0])
        .collect();
    let begin = "/upload/storage/v1/b/bucket/o?uploadType=resumable&name=dir/o";
    let metadata = json!({"contentType": "text/plain"});
    let answer = engine.request(Method::POST, begin).json(&metadata).send();
    let session = answer.await.unwrap().headers()["location"]
        .to_str()
        .unwrap()
        .to_owned();
    let put = |range: &str, body: &[u8]| {
        let request = engine
            .http
            .put(&session)
            .bearer_auth(&engine.endpoint.token);
        request
            .header("Content-Range", range)
            .body(body.to_vec())
            .send()
    };

    cut(
        &session,
        &engine.endpoint.token,
        &content[..100_000],
        content.len(),
    )
    .await;
    let asked = put("bytes */300000", b"").await.unwrap();
    assert_eq!(asked.status(), 308);
    let range = asked.headers()["range"].to_str().unwrap();
    let there: usize = range
        .strip_prefix("bytes=0-")
        .unwrap()
        .parse::<usize>()
        .unwrap()
        + 1;
    assert!(there <= 100_000);
    let gap = put("bytes 200000-299999/300000", &content[200_000..])
        .await
        .unwrap();
    assert_eq!(gap.status(), 400);
    let part = put(
        &format!("bytes {there}-199999/300000"),
        &content[there..200_000],
    )
    .await
    .unwrap();
    assert_eq!(
        (part.status().as_u16(), part.headers()["range"].as_bytes()),
        (308, b"bytes=0-199999".as_slice())
    );
    let last = put("bytes 200000-299999/300000", &content[200_000..])
        .await
        .unwrap();
    assert_eq!(last.status(), 200);

    let object = engine.get("/storage/v1/b/bucket/o/dir%2Fo").await;
    assert_eq!(
        (&object["size"], &object["name"]),
        (&json!("300000"), &json!("dir/o"))
    );
    let download = engine.request(Method::GET, "/storage/v1/b/bucket/o/dir%2Fo?alt=media");
    assert_eq!(
        download.send().await.unwrap().bytes().await.unwrap(),
        content
    );
}

#[tokio::test]
async fn an_object_has_its_sums_and_goes_when_deleted() {
    let engine = Engine::start();
    engine
        .post(
            "/storage/v1/b?project=clawbake-local",
            &json!({"name": "bucket"}),
        )
        .await;
    let hello = engine.request(
        Method::POST,
        "/upload/storage/v1/b/bucket/o?uploadType=media&name=h",
    );
    let (_, object) = answer(hello.body("hello")).await;
    assert_eq!(
        (&object["md5Hash"], &object["crc32c"]),
        (&json!("XUFAKrxLKna5cZ2REBfFkg=="), &json!("mnG7TA=="))
    );
    for (range, status, content) in [
        ("bytes=1-", 206, "ello"),
        ("bytes=1-2", 206, "el"),
        ("lines=1-2", 200, "hello"),
    ] {
        let path = "/download/storage/v1/b/bucket/o/h?alt=media";
        let answer = engine.request(Method::GET, path).header("Range", range);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), status, "{range}");
        assert_eq!(answer.text().await.unwrap(), content, "{range}");
    }
    let behind = engine.request(Method::GET, "/storage/v1/b/bucket/o/h?alt=media");
    let behind = behind.header("Range", "bytes=5-").send().await.unwrap();
    assert_eq!(behind.status(), 416);
    let (code, ..) = engine
        .refusal(Method::DELETE, "/storage/v1/b/bucket", &json!({}))
        .await;
    assert_eq!(code, 409);
    let delete = engine.request(Method::DELETE, "/storage/v1/b/bucket/o/h");
    assert_eq!(delete.send().await.unwrap().status(), 204);
    let objects = engine.dir.path().join("objects");
    assert_eq!(std::fs::read_dir(objects).unwrap().count(), 0);
}

/// Sends the beginning of what it promises, and hangs up.
async fn cut(session: &str, token: &str, sent: &[u8], promised: usize) {
    use tokio::io::AsyncWriteExt;
    let (host, path) = session
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PUT /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {promised}\r\nContent-Range: bytes 0-{}/{promised}\r\n\r\n",
        promised - 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    stream.shutdown().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
}
