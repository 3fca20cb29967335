//! Everything that an engine is asked for in its life, again and again: nothing may grow.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use orphans::settle;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Engine, ZONE, sent};
use crate::figures::{BOUNDS, grown, look};
use crate::victim::{Victim, append, begin, furnish, instance, make_bucket, tidy};

const METADATA: &str = "http://metadata.google.internal/computeMetadata/v1/instance";

/// Fewer looks have no quarters worth comparing.
const LEAST: usize = 20;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "keeps an engine busy for a minute; `make soak`"]
async fn nothing_grows_while_an_engine_runs() {
    let dir = world::directory();
    let engine = Engine::start(dir.path());
    furnish(&engine.api).await.unwrap();
    let (start, mut looks) = (Instant::now(), Vec::new());
    while looks.len() < LEAST || start.elapsed() < crate::duration() {
        round(&engine, looks.len()).await.unwrap();
        assert_eq!(
            settle(dir.path(), engine.pid(), Duration::from_secs(10)),
            []
        );
        looks.push(look(dir.path(), engine.pid()));
    }
    let first = &looks[0];
    for (name, bound) in BOUNDS {
        let (middle, last) = (&looks[looks.len() / 2], &looks[looks.len() - 1]);
        println!(
            "{name:<14} after 1 round {:>7}, {} rounds {:>7}, {} rounds {:>7}; may grow by {bound}",
            first[name],
            looks.len() / 2 + 1,
            middle[name],
            looks.len(),
            last[name]
        );
    }
    assert_eq!(
        grown(&looks),
        [],
        "level in the third quarter, level in the last"
    );
}

/// All that a client and a guest do, and nothing of it is left at the end.
async fn round(engine: &Engine, nth: usize) -> Result<()> {
    let api = &engine.api;
    let bucket = format!("round-{nth}");
    make_bucket(api, &bucket).await?;
    // Abandoned, with a part of it there: it goes with its bucket.
    let session = begin(api, &bucket, "abandoned").await?;
    append(api, &session, 0, vec![b'x'; 64 << 10], 1 << 20).await?;
    for victim in [Victim::Multipart, Victim::Resumable, Victim::DeleteObject] {
        victim.run(api).await?;
    }
    secret(engine, nth).await?;
    machine(engine, nth).await?;
    pages(engine).await?;
    for victim in [Victim::Snapshot, Victim::DiskOfImage, Victim::ImageOfDisk] {
        victim.run(api).await?;
    }
    tidy(api).await?;
    // Clients that go away before they have said anything, or all.
    for words in [
        "",
        "GET / HTTP/1.1\r\n",
        "POST /upload/storage/v1/b/soak/o?uploadType=media&name=o HTTP/1.1\r\nContent-Length: 9\r\n\r\n1",
    ] {
        engine.say(words)?;
    }
    let request = api.request(Method::DELETE, &format!("/storage/v1/b/{bucket}"));
    sent(request).await.map(drop)
}

async fn secret(engine: &Engine, nth: usize) -> Result<()> {
    let api = &engine.api;
    let secrets = "/v1/projects/clawbake-local/secrets";
    let replication = json!({"replication": {"automatic": {}}});
    let path = format!("{secrets}/s{nth}");
    api.call(
        Method::POST,
        &format!("{secrets}?secretId=s{nth}"),
        &replication,
    )
    .await?;
    let payload = json!({"payload": {"data": "aGVsbG8="}});
    api.call(Method::POST, &format!("{path}:addVersion"), &payload)
        .await?;
    let version = api.get(&format!("{path}/versions/latest:access")).await?;
    ensure!(version["payload"]["data"] == "aGVsbG8=", "{version}");
    sent(api.request(Method::DELETE, &path)).await.map(drop)
}

/// An instance with a state disk, a lot to say in its metadata, and a time to end, that talks.
async fn machine(engine: &Engine, nth: usize) -> Result<()> {
    let api = &engine.api;
    let mut body = instance("victim");
    let state = json!({"autoDelete": true, "deviceName": "state",
        "initializeParams": {"diskName": "state", "diskSizeGb": "1"}});
    body["disks"] = json!([body["disks"][0], state]);
    body["metadata"] = json!({"items": [
        {"key": "user-data", "value": "x".repeat(200 << 10)},
        {"key": "enable-guest-attributes", "value": "TRUE"},
    ]});
    body["scheduling"] =
        json!({"maxRunDuration": {"seconds": "3600"}, "instanceTerminationAction": "DELETE"});
    body["serviceAccounts"] =
        json!([{"email": "default", "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}]);
    api.insert(&format!("{ZONE}/instances"), &body).await?;
    let path = format!("{ZONE}/instances/victim");
    let vm: Value = api.get(&path).await?;
    let inside = engine.inside(vm["id"].as_str().context("an id")?, "metadata.sock");
    let ask = |method: Method, path: &str| {
        let request = inside.request(method, format!("{METADATA}/{path}"));
        request.header("Metadata-Flavor", "Google")
    };
    for _ in 0..20 {
        sent(ask(Method::GET, "?recursive=true")).await?;
        sent(ask(Method::GET, "service-accounts/default/token")).await?;
    }
    for key in ["phase", &format!("key-{nth}")] {
        let path = format!("guest-attributes/clawbake/{key}");
        sent(ask(Method::PUT, &path).body("ready")).await?;
    }
    // It waits for a change that does not come.
    let patience = Duration::from_millis(100);
    ask(
        Method::GET,
        "attributes/?recursive=true&wait_for_change=true",
    )
    .timeout(patience)
    .send()
    .await
    .ok();
    api.get(&format!("{path}/serialPort?port=1")).await?;
    api.delete(&path).await
}

async fn pages(engine: &Engine) -> Result<()> {
    for list in ["instances", "disks", "operations"] {
        let (mut token, mut pages) = (String::new(), 0);
        while pages < 5 {
            let path = format!("{ZONE}/{list}?maxResults=2&filter=name%3D*&pageToken={token}");
            let page = engine.api.get(&path).await?;
            let Some(next) = page["nextPageToken"].as_str() else {
                break;
            };
            next.clone_into(&mut token);
            pages += 1;
        }
    }
    Ok(())
}
