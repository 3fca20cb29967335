//! What an engine is doing when it is killed.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Api, GLOBAL, ZONE, sent};

const UPLOAD: &str = "/upload/storage/v1/b/soak/o";

/// What of the disk of an image is not empty, enough for a copy to take a while.
const DISK_BYTES: u64 = 32 << 20;
/// Enough for an upload to take a while.
const OBJECT_BYTES: usize = 8 << 20;

#[derive(Clone, Copy, Debug)]
pub enum Victim {
    Upload,
    Multipart,
    Resumable,
    Overwrite,
    Compose,
    DeleteObject,
    Import,
    ImageOfDisk,
    DeleteImage,
    Disk,
    DiskOfImage,
    DeleteDisk,
    Instance,
    DeleteInstance,
    Snapshot,
    DeleteSnapshot,
}

impl Victim {
    pub const ALL: [Self; 16] = [
        Self::Upload,
        Self::Multipart,
        Self::Resumable,
        Self::Overwrite,
        Self::Compose,
        Self::DeleteObject,
        Self::Import,
        Self::ImageOfDisk,
        Self::DeleteImage,
        Self::Disk,
        Self::DiskOfImage,
        Self::DeleteDisk,
        Self::Instance,
        Self::DeleteInstance,
        Self::Snapshot,
        Self::DeleteSnapshot,
    ];

    /// Makes what it needs.
    pub async fn prepare(self, api: &Api) -> Result<()> {
        match self {
            Self::Overwrite | Self::DeleteObject => upload(api, b"before".to_vec()).await,
            Self::DeleteImage => Self::ImageOfDisk.run(api).await,
            Self::DeleteDisk => Self::DiskOfImage.run(api).await,
            Self::DeleteInstance => Self::Instance.run(api).await,
            Self::DeleteSnapshot => Self::Snapshot.run(api).await,
            _ => Ok(()),
        }
    }

    /// Does it to the end.
    pub async fn run(self, api: &Api) -> Result<()> {
        let images = format!("{GLOBAL}/images");
        let disks = format!("{ZONE}/disks");
        match self {
            Self::Upload | Self::Overwrite => upload(api, vec![7; OBJECT_BYTES]).await,
            Self::Multipart => {
                let mut body =
                    b"--b\r\nContent-Type: application/json\r\n\r\n{\"name\": \"victim\"}\r\n\
                    --b\r\nContent-Type: text/plain\r\n\r\n"
                        .to_vec();
                body.resize(OBJECT_BYTES, b'x');
                body.extend_from_slice(b"\r\n--b--");
                let request = api.request(Method::POST, &format!("{UPLOAD}?uploadType=multipart"));
                let kind = ("Content-Type", "multipart/related; boundary=b");
                sent(request.header(kind.0, kind.1).body(body))
                    .await
                    .map(drop)
            }
            Self::Resumable => {
                let session = begin(api, "soak", "victim").await?;
                let chunk = || vec![b'x'; OBJECT_BYTES / 2];
                append(api, &session, 0, chunk(), OBJECT_BYTES).await?;
                append(api, &session, OBJECT_BYTES / 2, chunk(), OBJECT_BYTES).await
            }
            Self::Compose => {
                let sources =
                    json!({"sourceObjects": [{"name": "disk.tar.gz"}, {"name": "disk.tar.gz"}]});
                let path = "/storage/v1/b/soak/o/victim/compose";
                api.call(Method::POST, path, &sources).await.map(drop)
            }
            Self::DeleteObject => remove_object(api, "victim").await,
            Self::Import => {
                let source = "https://storage.googleapis.com/soak/disk.tar.gz";
                let image = json!({"name": "victim", "rawDisk": {"source": source}});
                api.insert(&images, &image).await
            }
            Self::ImageOfDisk => {
                let source = format!("{}/disks/base", &ZONE[12..]);
                let image = json!({"name": "victim", "sourceDisk": source});
                api.insert(&images, &image).await
            }
            Self::DeleteImage => api.delete(&format!("{images}/victim")).await,
            Self::Disk => {
                api.insert(&disks, &json!({"name": "victim", "sizeGb": "1"}))
                    .await
            }
            Self::DiskOfImage => {
                let source = "global/images/base";
                api.insert(&disks, &json!({"name": "victim", "sourceImage": source}))
                    .await
            }
            Self::DeleteDisk => api.delete(&format!("{disks}/victim")).await,
            Self::Instance => {
                api.insert(&format!("{ZONE}/instances"), &instance("victim"))
                    .await
            }
            Self::DeleteInstance => api.delete(&format!("{ZONE}/instances/victim")).await,
            Self::Snapshot => {
                let path = format!("{disks}/vm/createSnapshot");
                api.insert(&path, &json!({"name": "victim"})).await
            }
            Self::DeleteSnapshot => api.delete(&format!("{GLOBAL}/snapshots/victim")).await,
        }
    }
}

/// Removes what any victim has made, as its client would on coming back.
pub async fn tidy(api: &Api) -> Result<()> {
    for path in [
        format!("{ZONE}/instances/victim"),
        format!("{ZONE}/disks/victim"),
        format!("{GLOBAL}/images/victim"),
        format!("{GLOBAL}/snapshots/victim"),
    ] {
        api.delete(&path).await?;
    }
    remove_object(api, "victim").await
}

/// What is there all the time: a bucket with an archive, its image, a disk and a running machine of it.
pub async fn furnish(api: &Api) -> Result<()> {
    make_bucket(api, "soak").await?;
    let dir = tempfile::tempdir()?;
    let archive = std::fs::read(archive(dir.path())?)?;
    let path = format!("{UPLOAD}?uploadType=media&name=disk.tar.gz");
    sent(api.request(Method::POST, &path).body(archive)).await?;
    let source = "https://storage.googleapis.com/soak/disk.tar.gz";
    let image = json!({"name": "base", "rawDisk": {"source": source}});
    api.insert(&format!("{GLOBAL}/images"), &image).await?;
    let disk = json!({"name": "base", "sourceImage": "global/images/base"});
    api.insert(&format!("{ZONE}/disks"), &disk).await?;
    api.insert(&format!("{ZONE}/instances"), &instance("vm"))
        .await
}

/// An instance on a disk from which nothing boots: its firmware runs, and nothing else.
pub fn instance(name: &str) -> Value {
    let disk = json!({"sourceImage": "global/images/base"});
    json!({
        "name": name,
        "machineType": "zones/us-central1-a/machineTypes/e2-micro",
        "disks": [{"boot": true, "autoDelete": true, "initializeParams": disk}],
        "networkInterfaces": [{"network": "global/networks/default"}],
    })
}

/// An archive of a disk of 1 GiB, which is not sparse, so that to unpack it takes a while.
fn archive(dir: &Path) -> Result<PathBuf> {
    let disk = File::create(dir.join("disk.raw"))?;
    std::io::copy(&mut std::io::repeat(b'x').take(DISK_BYTES), &mut &disk)?;
    disk.set_len(1 << 30)?;
    let path = dir.join("disk.tar.gz");
    let mut tar = Command::new("tar");
    tar.args(["--format=oldgnu", "-I", "gzip -1", "-cf"])
        .arg(&path);
    let status = tar.arg("-C").arg(dir).arg("disk.raw").status()?;
    ensure!(status.success(), "tar");
    Ok(path)
}

pub async fn make_bucket(api: &Api, name: &str) -> Result<()> {
    let path = "/storage/v1/b?project=clawbake-local";
    api.call(Method::POST, path, &json!({"name": name}))
        .await
        .map(drop)
}

async fn upload(api: &Api, content: Vec<u8>) -> Result<()> {
    let path = format!("{UPLOAD}?uploadType=media&name=victim");
    sent(api.request(Method::POST, &path).body(content))
        .await
        .map(drop)
}

async fn remove_object(api: &Api, name: &str) -> Result<()> {
    let path = format!("/storage/v1/b/soak/o/{name}");
    let response = api.request(Method::DELETE, &path).send().await?;
    ensure!(
        [204, 404].contains(&response.status().as_u16()),
        "{}",
        response.status()
    );
    Ok(())
}

/// Begins a resumable upload, and returns where it goes on.
pub async fn begin(api: &Api, bucket: &str, name: &str) -> Result<String> {
    let path = format!("/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name={name}");
    let response = api
        .request(Method::POST, &path)
        .json(&json!({}))
        .send()
        .await?;
    let location = response.headers().get("location").context("a location")?;
    Ok(location.to_str()?.to_owned())
}

/// Sends a part of a resumable upload.
pub async fn append(
    api: &Api,
    session: &str,
    at: usize,
    chunk: Vec<u8>,
    total: usize,
) -> Result<()> {
    let range = format!("bytes {at}-{}/{total}", at + chunk.len() - 1);
    let request = api.request(Method::PUT, session);
    sent(request.header("Content-Range", range).body(chunk))
        .await
        .map(drop)
}
