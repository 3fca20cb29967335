//! What has been acknowledged is there after a power cut: the engine works on a file system of its own, and
//! the file that this is in is copied the moment an answer is there. What is only in the kernel's memory
//! is not in the copy.

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::engine::{Engine, GLOBAL, ZONE, answer};

/// A file system in a file, mounted until the value is dropped.
pub struct Device {
    pub dir: TempDir,
}

impl Device {
    /// Of ext4, which writes by itself not before five minutes have passed.
    pub fn ext4(image: &Path) -> Self {
        Self::mount(&["-o", "loop,commit=300"], image)
    }

    /// In memory, of so many MiB.
    pub fn tmpfs(mib: u64) -> Self {
        let size = format!("size={mib}m,mode=700");
        Self::mount(&["-t", "tmpfs", "-o", &size], Path::new("tmpfs"))
    }

    fn mount(options: &[&str], source: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(options)
            .arg(source)
            .arg(dir.path())
            .status();
        assert!(mounted.unwrap().success(), "this takes root");
        Self { dir }
    }

    pub fn engine_dir(&self) -> TempDir {
        tempfile::tempdir_in(&self.dir).unwrap()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        Command::new("umount")
            .args(["--lazy"])
            .arg(self.dir.path())
            .status()
            .ok();
    }
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}

/// Everything that was acknowledged before a cut.
#[derive(Default)]
struct Acknowledged {
    objects: Vec<(String, Vec<u8>)>,
    session: Option<(String, u64)>,
    resources: Vec<String>,
    secret: bool,
}

impl Acknowledged {
    /// What of it is not there.
    async fn lost(&self, engine: &Engine) -> Vec<String> {
        let mut lost = Vec::new();
        for (name, content) in &self.objects {
            let path = format!("/storage/v1/b/bucket/o/{name}?alt=media");
            let there = match engine.request(Method::GET, &path).send().await {
                Ok(answer) if answer.status() == 200 => answer.bytes().await.ok(),
                _ => None,
            };
            if there.as_deref() != Some(content.as_slice()) {
                lost.push(name.clone());
            }
        }
        if let Some((session, kept)) = &self.session {
            let ask = engine
                .request(Method::PUT, session)
                .header("Content-Range", "bytes */*");
            let answer = ask.send().await.unwrap();
            let range = answer
                .headers()
                .get("range")
                .map(|range| range.to_str().unwrap().to_owned());
            if range != Some(format!("bytes=0-{}", kept - 1)) {
                lost.push(format!("{session}: {range:?}"));
            }
        }
        for path in &self.resources {
            let (_, body) = answer(engine.request(Method::GET, path)).await;
            let kind = path.rsplit('/').nth(1).unwrap();
            let id = body["id"].as_str().unwrap_or("none");
            let file = engine.dir.path().join(kind).join(format!("{id}.qcow2"));
            let check = Command::new("qemu-img")
                .arg("check")
                .arg(&file)
                .output()
                .unwrap();
            if body["status"] != "READY" || !check.status.success() {
                lost.push(format!(
                    "{path}: {}",
                    String::from_utf8_lossy(&check.stderr)
                ));
            }
        }
        if self.secret {
            let path = "/v1/projects/clawbake-local/secrets/s/versions/1:access";
            let answer = engine.request(Method::GET, path).send().await.unwrap();
            if answer.status() != 200 {
                lost.push("the secret".into());
            }
        }
        lost
    }
}

/// Has the engine do something, and notes what it has acknowledged.
async fn acknowledge(step: u32, engine: &Engine, acknowledged: &mut Acknowledged) {
    match step {
        0 => {
            engine.insert_bucket().await;
            let content = vec![b'm'; 300_000];
            assert_eq!(engine.upload("media", content.clone()).await.0, 200);
            acknowledged.objects.push(("media".into(), content));
        }
        1 => {
            let path = "/storage/v1/b/bucket/o/media/rewriteTo/b/bucket/o/copy";
            engine.post(path, &json!({})).await;
            acknowledged
                .objects
                .push(("copy".into(), vec![b'm'; 300_000]));
        }
        2 => {
            let session = engine.begin_upload("part").await;
            let put = engine
                .request(Method::PUT, &session)
                .header("Content-Range", "bytes 0-262143/400000");
            assert_eq!(
                put.body(vec![b'p'; 262_144]).send().await.unwrap().status(),
                308
            );
            acknowledged.session = Some((session, 262_144));
        }
        3 => {
            assert_eq!(engine.upload("media", "replaced").await.0, 200);
            acknowledged.objects[0].1 = b"replaced".to_vec();
        }
        4 => {
            let secret = json!({"replication": {"automatic": {}}});
            let secrets = "/v1/projects/clawbake-local/secrets";
            engine.post(&format!("{secrets}?secretId=s"), &secret).await;
            let version = json!({"payload": {"data": "c2VjcmV0"}});
            engine
                .post(&format!("{secrets}/s:addVersion"), &version)
                .await;
            acknowledged.secret = true;
        }
        5 => {
            engine.insert_image_and_disk().await;
            for path in [
                format!("{ZONE}/disks/blank"),
                format!("{GLOBAL}/images/image"),
                format!("{ZONE}/disks/disk"),
            ] {
                acknowledged.resources.push(path);
            }
        }
        6 => {
            let copy = json!({"name": "copy", "sourceImage": "global/images/image"});
            engine
                .mutate(Method::POST, &format!("{GLOBAL}/images"), &copy)
                .await;
            acknowledged.resources.push(format!("{GLOBAL}/images/copy"));
        }
        _ => {
            let snapshot = json!({"name": "s", "sourceDisk": "zones/us-central1-a/disks/disk"});
            engine
                .mutate(Method::POST, &format!("{GLOBAL}/snapshots"), &snapshot)
                .await;
            acknowledged.resources.push(format!("{GLOBAL}/snapshots/s"));
        }
    }
}

#[tokio::test]
#[ignore = "takes root: it mounts file systems"]
async fn what_is_acknowledged_is_there_after_a_power_cut() {
    let images = tempfile::tempdir().unwrap();
    let image = images.path().join("device");
    std::fs::File::create(&image)
        .unwrap()
        .set_len(96 << 20)
        .unwrap();
    run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
    let device = Device::ext4(&image);
    let engine = Engine::start_in(device.engine_dir());
    let name = engine.dir.path().file_name().unwrap().to_owned();
    let mut acknowledged = Acknowledged::default();
    let (mut cuts, mut losses) = (0, Vec::new());
    for step in 0..8 {
        acknowledge(step, &engine, &mut acknowledged).await;
        let copy = images.path().join("copy");
        run(
            "cp",
            &[
                "--sparse=always",
                image.to_str().unwrap(),
                copy.to_str().unwrap(),
            ],
        );
        let after = Device::ext4(&copy);
        // Where the engine was before, by its own absolute paths to backing files, others are now.
        let dir = after.engine_dir();
        std::fs::remove_dir(dir.path()).unwrap();
        std::fs::rename(after.dir.path().join(&name), dir.path()).unwrap();
        let revived = Engine::start_in(dir);
        cuts += 1;
        losses.extend(
            acknowledged
                .lost(&revived)
                .await
                .into_iter()
                .map(|lost| format!("step {step}: {lost}")),
        );
        drop(revived.kill());
        drop(after);
    }
    println!("{cuts} power cuts, {} losses", losses.len());
    assert!(losses.is_empty(), "{losses:#?}");
}
