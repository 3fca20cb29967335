//! What a client or a guest may cost.

use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::engine::{Engine, METADATA, ZONE, answer};

/// More than the engine keeps, of those who say nothing.
const CROWD: usize = 2000;

/// How long one who has a token may wait in such a crowd.
const PATIENCE: Duration = Duration::from_secs(2);

/// MiB that the engine's process has in memory, and the most that it ever had.
fn memory(engine: &Engine) -> [u64; 2] {
    let status = std::fs::read_to_string(format!("/proc/{}/status", engine.endpoint.pid)).unwrap();
    ["VmRSS:", "VmHWM:"].map(|field| {
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib >> 10
    })
}

/// Files that the engine's process has open.
fn descriptors(engine: &Engine) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", engine.endpoint.pid))
        .unwrap()
        .count()
}

/// This process needs a descriptor for each of the crowd.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
}

#[tokio::test]
async fn half_open_connections_lock_nobody_out() {
    raise_descriptors();
    let engine = Engine::start();
    let host = engine.direct.strip_prefix("http://").unwrap().to_owned();
    // One who waits for an operation has a token, and is not to go.
    let disk = json!({"name": "d", "sizeGb": "1"});
    let disk = engine.post(&format!("{ZONE}/disks"), &disk).await;
    engine.done(&disk).await;
    let mut crowd = Vec::new();
    for n in 0..CROWD {
        let mut connection = TcpStream::connect(&host).await.unwrap();
        // Nothing, half a head, or half a body that anybody may send.
        let said = match n % 3 {
            0 => "",
            1 => "GET /compute/v1 HTTP/1.1\r\nHost: ",
            _ => "POST /v1/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na=",
        };
        connection.write_all(said.as_bytes()).await.ok();
        crowd.push(connection);
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let begin = Instant::now();
        let url = format!("{}{ZONE}/disks/d", engine.direct);
        // A connection of its own each time.
        let request = reqwest::Client::new().get(url);
        let (status, _) = answer(request.bearer_auth(&engine.endpoint.token)).await;
        assert_eq!(status, 200);
        slowest = slowest.max(begin.elapsed());
    }
    let open = descriptors(&engine);
    eprintln!("{CROWD} half-open connections: 20 requests, slowest {slowest:?}, {open} files open");
    assert!(slowest < PATIENCE, "{slowest:?}");
    assert!(open < 700, "{open}");
}

#[tokio::test]
async fn a_vm_has_connections_of_its_own_and_its_waiting_goes_on() {
    raise_descriptors();
    let engine = Engine::start();
    let attributes = json!({"metadata": {"items": [
        {"key": "enable-guest-attributes", "value": "TRUE"},
    ]}});
    let greedy = engine.insert_instance("greedy", &attributes).await;
    let other = engine.insert_instance("other", &attributes).await;
    let socket = |instance: &Value, name: &str| {
        let id = instance["id"].as_str().unwrap();
        engine.dir.path().join("vms").join(id).join(name)
    };
    let ask = async |instance: &Value, path: &str| {
        let client = engine.inside(instance, "metadata.sock");
        let request = client.get(format!("{METADATA}/{path}"));
        let request = request.header("Metadata-Flavor", "Google");
        request.send().await.unwrap().status().as_u16()
    };
    // It waits until the attributes change, in the middle of the crowd.
    let waiting = tokio::spawn({
        let client = engine.inside(&greedy, "metadata.sock");
        let request = client.get(format!("{METADATA}/attributes/?wait_for_change=true"));
        request.header("Metadata-Flavor", "Google").send()
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut crowd = Vec::new();
    for name in ["metadata.sock", "api.sock"] {
        for _ in 0..500 {
            crowd.push(UnixStream::connect(socket(&greedy, name)).await.unwrap());
        }
    }
    let begin = Instant::now();
    assert_eq!(ask(&greedy, "id").await, 200);
    assert_eq!(ask(&other, "id").await, 200);
    assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    let open = descriptors(&engine);
    assert!(open < 300, "{open}");
    let mut metadata = greedy["metadata"].clone();
    metadata["items"][0]["value"] = "true".into();
    let set = format!("{ZONE}/instances/greedy/setMetadata");
    engine.mutate(Method::POST, &set, &metadata).await;
    let changed = tokio::time::timeout(PATIENCE, waiting).await;
    assert_eq!(changed.unwrap().unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_batch_is_taken_whole_or_not_at_all_and_costs_little() {
    let engine = Engine::start();
    let url = format!("{}/batch/compute/v1", engine.direct);
    let host = engine.direct.strip_prefix("http://").unwrap();
    let send = |body: String| {
        let request = engine.http.post(&url).bearer_auth(&engine.endpoint.token);
        let request = request.header("Content-Type", "multipart/mixed; boundary=b");
        request.body(body).send()
    };
    // A thousand lists, each taken by the client before the next is made.
    let part = |path: &str| {
        let head = "--b\r\nContent-Type: application/http\r\n\r\n";
        format!("{head}GET {path} HTTP/1.1\r\n\r\n\r\n")
    };
    let images = "/compute/v1/projects/debian-cloud/global/images";
    let batch = |count: usize| part(images).repeat(count) + "--b--\r\n";
    let answered = send(batch(1000)).await.unwrap();
    assert_eq!(answered.status(), 200);
    let text = answered.text().await.unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 1000);
    assert_eq!(send(batch(1001)).await.unwrap().status(), 400);
    // A batch in a batch is none of this API's.
    let nested = send(part("/batch/compute/v1") + "--b--").await.unwrap();
    assert!(nested.text().await.unwrap().contains("HTTP/1.1 404"));

    // What its head says is too large is refused at once, and what says nothing, on the way.
    let [before, _] = memory(&engine);
    for length in ["Content-Length: 943718400", "Transfer-Encoding: chunked"] {
        let mut connection = TcpStream::connect(host).await.unwrap();
        let head = format!(
            "POST /batch/compute/v1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n{length}\r\n\r\n",
            engine.endpoint.token
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
        for _ in 0..900 {
            if connection.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.contains(" 413 "), "{answer}");
    }
    let [_, most] = memory(&engine);
    eprintln!("batches of 1000 lists and of 900 MB: {before} MiB before, {most} at most");
    assert!(most < 200, "{most}");
}

#[tokio::test]
async fn filters_and_conditions_are_refused_before_they_cost() {
    let engine = Engine::start();
    let disks = format!("{ZONE}/disks");
    let [before, _] = memory(&engine);
    for filter in [
        "(".repeat(5_000),
        "NOT ".repeat(5_000),
        "name%20eq%20(\\w{900}){900}".into(),
        vec!["name%20eq%20(\\w{100}){9}"; 200].join("%20OR%20"),
    ] {
        let path = format!("{disks}?filter={filter}");
        let (code, ..) = engine.refusal(Method::GET, &path, &json!({})).await;
        assert_eq!(code, 400);
    }
    let policy = "/v3/projects/clawbake-local:setIamPolicy";
    for (expression, why) in [
        (vec!["true"; 4_000].join("&&"), "longer"),
        (vec!["true"; 20].join("&&"), "logical"),
        ("(".repeat(1_000), "complex"),
    ] {
        let condition = json!({"title": "t", "expression": expression});
        let role = json!({
            "role": "roles/viewer", "members": ["user:a@example.com"], "condition": condition,
        });
        let request = json!({"policy": {"version": 3, "bindings": [role]}});
        let (code, _, message) = engine.refusal(Method::POST, policy, &request).await;
        assert!(code == 400 && message.contains(why), "{message}");
    }
    let [_, most] = memory(&engine);
    assert!(most < before + 64, "{before} MiB before, {most} at most");
}

#[tokio::test]
async fn guest_attributes_have_an_end() {
    let engine = Engine::start();
    let enabled = json!({"metadata": {"items": [
        {"key": "enable-guest-attributes", "value": "TRUE"},
    ]}});
    let instance = engine.insert_instance("vm", &enabled).await;
    let metadata = engine.inside(&instance, "metadata.sock");
    let put = async |key: &str, value: String| {
        let request = metadata.put(format!("{METADATA}/guest-attributes/n/{key}"));
        let request = request.header("Metadata-Flavor", "Google").body(value);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(put("large", "x".repeat(256 << 10)).await, 200);
    assert_eq!(put("larger", "x".repeat((256 << 10) + 1)).await, 413);
    assert_eq!(put("second", "x".repeat(255 << 10)).await, 200);
    assert_eq!(put("third", "x".repeat(2 << 10)).await, 403);
    // What is there may change.
    assert_eq!(put("large", "small".into()).await, 200);
    assert_eq!(put("second", "small".into()).await, 200);
    let mut refused = 0;
    for n in 0..200 {
        refused += usize::from(put(&format!("k{n}"), "v".into()).await == 403);
    }
    assert_eq!(refused, 200 + 2 - 128);
    assert_eq!(put("large", "other".into()).await, 200);
}
