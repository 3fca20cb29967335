//! An engine that is killed leaves no process, and the next one none of its files.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::engine::{Engine, GLOBAL, files};
use crate::sessions::begun;

/// When the engine is killed, in milliseconds after the work has begun.
const MOMENTS: [u64; 7] = [0, 10, 40, 100, 200, 400, 700];

/// The processes that have to do with a directory, by their command lines.
fn processes(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(dir))
        .collect()
}

fn assert_alone(dir: &Path, what: &str) {
    let end = Instant::now() + Duration::from_secs(2);
    while !processes(dir).is_empty() {
        assert!(Instant::now() < end, "{what}: {:?}", processes(dir));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An archive that takes a second to import: what is in the disk cannot be compressed.
fn archive() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let script = "head -c 48M /dev/urandom >disk.raw && truncate -s 1G disk.raw && \
                  tar --format=oldgnu -S -cf - disk.raw | gzip -1 >i.tar.gz";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(&dir)
        .status();
    assert!(made.unwrap().success());
    std::fs::read(dir.path().join("i.tar.gz")).unwrap()
}

#[tokio::test]
async fn a_kill_in_an_import_leaves_no_process_and_no_file() {
    let mut engine = Engine::start();
    engine.insert_bucket().await;
    assert_eq!(engine.upload("i", archive()).await.0, 200);
    let image = json!({"name": "i", "rawDisk": {"source": "gs://bucket/i"}});
    let mut halves = 0;
    for moment in MOMENTS {
        engine.post(&format!("{GLOBAL}/images"), &image).await;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let (dir, _) = engine.kill();
        assert_alone(dir.path(), &format!("{moment} ms"));
        halves += usize::from(files(dir.path()).iter().any(|file| file.contains(".part")));
        // Not the engine's, and not touched.
        std::fs::write(dir.path().join("images/others.part"), "").unwrap();
        engine = Engine::start_in(dir);
        let status = engine.get(&format!("{GLOBAL}/images/i")).await["status"].clone();
        assert!(status == "FAILED" || status == "READY", "{status}");
        engine
            .mutate(Method::DELETE, &format!("{GLOBAL}/images/i"), &json!({}))
            .await;
        let left = files(engine.dir.path());
        let others = left.iter().filter(|file| !file.starts_with("objects/"));
        assert_eq!(
            others.collect::<Vec<_>>(),
            ["images/others.part"],
            "{moment} ms"
        );
        assert_eq!(left.len(), 2, "the archive, and what is others': {left:?}");
    }
    println!(
        "{} kills in an import, {halves} with files half made, 0 with leftovers",
        MOMENTS.len()
    );
    assert!(halves > 0, "no kill came in time");
}

#[tokio::test]
async fn a_kill_in_an_upload_leaves_what_can_be_gone_on_with_alone() {
    let mut engine = Engine::start();
    engine.insert_bucket().await;
    let session = engine.begin_upload("r").await;
    let half = "/upload/storage/v1/b/bucket/o?uploadType=media&name=m";
    for moment in [0, 30, 100] {
        // Once as a part of a session, and once as an upload that is lost with its connection.
        let stream = begun(&engine, &session, 2_000_000, &vec![b'r'; 700_000]).await;
        let host = engine.direct.strip_prefix("http://").unwrap().to_owned();
        let mut other = tokio::net::TcpStream::connect(&host).await.unwrap();
        let head = format!(
            "POST {half} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Length: 2000000\r\n\r\n{}",
            engine.endpoint.token,
            "m".repeat(700_000)
        );
        tokio::io::AsyncWriteExt::write_all(&mut other, head.as_bytes())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let (dir, _) = engine.kill();
        drop((stream, other));
        engine = Engine::start_in(dir);
        let left = files(engine.dir.path());
        assert!(
            left.len() <= 1,
            "{moment} ms: the session's own at most: {left:?}"
        );
    }
    let put = engine
        .request(Method::PUT, &session)
        .header("Content-Range", "bytes 0-1999999/2000000");
    let put = put.body(vec![b'r'; 2_000_000]).send().await.unwrap();
    assert_eq!(put.status(), 200);
    assert_eq!(engine.content("r").await, vec![b'r'; 2_000_000]);
    assert_eq!(files(engine.dir.path()).len(), 1);
}
