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

/// What a VM without any right on a bucket is given: a way to write one object, or to read one.
#[tokio::test]
async fn a_capability_is_for_one_object() {
    let engine = Engine::start();
    let bucket = json!({"name": "bucket"});
    engine
        .post("/storage/v1/b?project=clawbake-local", &bucket)
        .await;
    let begin = "/upload/storage/v1/b/bucket/o?uploadType=resumable&name=export";
    let request = engine.request(Method::POST, begin).json(&json!({}));
    let session = request.send().await.unwrap().headers()["location"]
        .to_str()
        .unwrap()
        .to_owned();
    // Without a token, and without knowing how long it becomes.
    let put = async |url: &str, range: &str, body: &'static [u8]| {
        let request = engine.http.put(url).header("Content-Range", range);
        answer(request.body(body)).await
    };
    let (status, _) = put(&session, "bytes 0-4/*", b"hello").await;
    assert_eq!(status, 308);
    let guess = session.replace("upload_id=", "upload_id=1");
    assert_eq!(put(&guess, "bytes 0-4/*", b"hello").await.0, 404);
    let (status, made) = put(&session, "bytes 5-9/10", b"world").await;
    assert_eq!((status.as_u16(), &made["size"]), (200, &json!("10")));
    for (method, path) in [
        (Method::GET, "/storage/v1/b/bucket/o/export?upload_id=1"),
        (Method::POST, &format!("{begin}&upload_id=1")),
        (Method::DELETE, "/storage/v1/b/bucket/o/export?upload_id=1"),
    ] {
        let url = format!("{}{path}", engine.endpoint.url);
        let (status, _) = answer(engine.http.request(method, url)).await;
        assert_eq!(status, 401, "{path}");
    }

    let other = "/upload/storage/v1/b/bucket/o?uploadType=media&name=export-2";
    let sent = engine.request(Method::POST, other).body("other").send();
    assert_eq!(sent.await.unwrap().status(), 200);
    let exchange = async |subject: &str, options: String| {
        let kind = "urn:ietf:params:oauth:token-type:access_token";
        let form = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("requested_token_type", kind),
            ("subject_token", subject),
            ("subject_token_type", kind),
            ("options", &options),
        ];
        let url = format!("{}/v1/token", engine.endpoint.url);
        answer(engine.http.post(url).form(&form)).await
    };
    let boundary = |condition: &str| {
        json!({"accessBoundary": {"accessBoundaryRules": [{
            "availableResource": "//storage.googleapis.com/projects/_/buckets/bucket",
            "availablePermissions": ["inRole:roles/storage.objectViewer"],
            "availabilityCondition": {"expression": condition},
        }]}})
        .to_string()
    };
    let mine = boundary("resource.name == 'projects/_/buckets/bucket/objects/export'");
    let (status, token) = exchange(&engine.endpoint.token, mine.clone()).await;
    assert_eq!(status, 200);
    let token = token["access_token"].as_str().unwrap();
    for (method, path, expected) in [
        (Method::GET, "/storage/v1/b/bucket/o/export?alt=media", 200),
        (
            Method::GET,
            "/storage/v1/b/bucket/o/export-2?alt=media",
            403,
        ),
        (Method::GET, "/storage/v1/b/bucket/o", 403),
        (Method::GET, "/storage/v1/b/bucket", 403),
        (Method::GET, "/storage/v1/b?project=clawbake-local", 403),
        (Method::DELETE, "/storage/v1/b/bucket/o/export", 403),
        (Method::POST, begin, 403),
        (
            Method::POST,
            "/storage/v1/b/bucket/o/export/rewriteTo/b/bucket/o/export-3",
            403,
        ),
        (
            Method::GET,
            "/compute/v1/projects/clawbake-local/global/images",
            401,
        ),
        (Method::GET, "/v1/projects/clawbake-local/secrets", 401),
    ] {
        let url = format!("{}{path}", engine.endpoint.url);
        let request = engine.http.request(method.clone(), url).bearer_auth(token);
        let response = request.send().await.unwrap();
        let status = response.status();
        let said = response.text().await.unwrap();
        assert_eq!(status, expected, "{method} {path}: {said}");
        assert!(status != 200 || said == "helloworld", "{said}");
    }
    // It cannot be made wider.
    for (subject, options) in [
        (token, mine),
        (token, String::new()),
        (&*engine.endpoint.token, "{}".into()),
    ] {
        let (status, _) = exchange(subject, options).await;
        assert_eq!(status, 400);
    }
}
