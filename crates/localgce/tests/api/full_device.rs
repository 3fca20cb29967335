//! The engine on a device that has no room left.

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::engine::{Engine, GLOBAL, ZONE, files, refused};
use crate::power_cut::Device;

/// Takes all the room that is left, but for the pages that cannot be had at all.
fn fill(dir: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(dir.join("filler")).unwrap();
    for piece in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![1; piece]).is_ok() {}
    }
}

#[tokio::test]
#[ignore = "takes root: it mounts a file system"]
async fn a_full_device_is_told_as_one_and_room_comes_back() {
    let device = Device::tmpfs(64);
    let engine = Engine::start_in(device.engine_dir());
    engine.insert_bucket().await;
    assert_eq!(engine.upload("kept", vec![1; 20 << 20]).await.0, 200);
    let before = files(engine.dir.path());

    // Each way in which bytes arrive: nothing of them is left.
    let (status, refusal) = engine.upload("media", vec![1; 60 << 20]).await;
    let told = |message: &serde_json::Value| {
        let message = message.as_str().unwrap().to_lowercase();
        message.contains("no space left on") && message.contains("delete objects")
    };
    assert_eq!(status, 507, "{refusal}");
    assert!(told(&refusal["error"]["message"]), "{refusal}");
    assert_eq!(
        refusal["error"]["errors"][0]["reason"],
        "insufficientStorage"
    );
    let session = engine.begin_upload("resumable").await;
    let put = engine
        .request(Method::PUT, &session)
        .header("Content-Range", "bytes 0-62914559/62914560");
    assert_eq!(
        put.body(vec![1; 60 << 20]).send().await.unwrap().status(),
        507
    );
    let compose = json!({"sourceObjects": [{"name": "kept"}, {"name": "kept"}, {"name": "kept"}]});
    let (code, ..) = engine
        .refusal(Method::POST, "/storage/v1/b/bucket/o/sum/compose", &compose)
        .await;
    assert_eq!(code, 507);
    assert_eq!(files(engine.dir.path()), before);

    // An archive that is right, and has no room to be unpacked.
    let script = "head -c 60M /dev/zero | tr '\\0' x >disk.raw && truncate -s 1G disk.raw && \
                  tar --format=oldgnu -S -czf i.tar.gz disk.raw";
    let work = tempfile::tempdir().unwrap();
    assert!(
        Command::new("sh")
            .args(["-c", script])
            .current_dir(&work)
            .status()
            .unwrap()
            .success()
    );
    let archive = std::fs::read(work.path().join("i.tar.gz")).unwrap();
    assert_eq!(engine.upload("i", archive).await.0, 200);
    let image = json!({"name": "i", "rawDisk": {"source": "gs://bucket/i"}});
    let operation = engine.post(&format!("{GLOBAL}/images"), &image).await;
    let operation = engine.done(&operation).await;
    let message = &operation["error"]["errors"][0]["message"];
    assert!(
        told(message) && !message.as_str().unwrap().contains("not a gzip"),
        "{operation}"
    );
    assert_eq!(operation["httpErrorStatusCode"], 507);
    let disks = |dir: &Path| {
        files(dir)
            .into_iter()
            .filter(|file| !file.starts_with("objects/"))
            .count()
    };
    assert_eq!(disks(engine.dir.path()), 0);

    // Not one byte left: a start works, and so does what makes room.
    fill(device.dir.path());
    let (dir, _) = engine.kill();
    let engine = Engine::start_in(dir);
    fill(device.dir.path());
    for name in ["kept", "i"] {
        let delete = format!("/storage/v1/b/bucket/o/{name}");
        let answer = engine
            .request(Method::DELETE, &delete)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 204, "{}", answer.text().await.unwrap());
    }
    assert_eq!(engine.upload("new", vec![1; 8 << 20]).await.0, 200);
    let disk = json!({"name": "d", "sizeGb": "1"});
    engine
        .mutate(Method::POST, &format!("{ZONE}/disks"), &disk)
        .await;
}

#[tokio::test]
#[ignore = "takes root: it mounts a file system"]
async fn an_engine_that_cannot_start_for_want_of_room_says_so() {
    let device = Device::tmpfs(16);
    let dir = device.engine_dir();
    // Nobody has kept any back.
    fill(device.dir.path());
    let said = refused(dir.path());
    assert!(said.contains("no space left on device in"), "{said}");
}
