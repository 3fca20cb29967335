//! The files of disks and images.

use std::collections::HashSet;

use anyhow::{Context, Result, anyhow};
use rusqlite::Connection;
use serde_json::Value;

use super::Engine;
use crate::key::{Key, Kind};
use crate::store::resources;
use crate::vm::disk;

impl Engine {
    /// Makes the file of a disk that is in the store, and says that the disk is ready.
    pub async fn make_disk(&self, key: &Key) -> Result<()> {
        let body = self
            .store
            .transaction(|tx| resources::get(tx, key))?
            .ok_or_else(|| anyhow!("{} is gone", key.path()))?;
        let file = self.disk_file(text(&body, "id"));
        let size_gb: u64 = text(&body, "sizeGb")
            .parse()
            .context("reading the disk's size")?;
        match body["sourceImageId"].as_str() {
            Some(image) => disk::overlay(&self.made_image(image).await?, &file, size_gb).await?,
            None => disk::blank(&file, size_gb).await?,
        }
        self.store
            .transaction(|tx| resources::update(tx, key, |disk| disk["status"] = "READY".into()))?;
        Ok(())
    }

    /// Removes a disk and its file.
    pub fn remove_disk(&self, key: &Key) -> Result<()> {
        let body = self.store.transaction(|tx| {
            let body = resources::get(tx, key)?;
            resources::remove(tx, key)?;
            Ok::<_, rusqlite::Error>(body)
        })?;
        if let Some(body) = body {
            std::fs::remove_file(self.disk_file(text(&body, "id"))).ok();
        }
        self.sweep_images()
    }

    /// Removes the files of deleted images, other than those that disks are still based on.
    pub fn sweep_images(&self) -> Result<()> {
        let needed = self.store.transaction(needed_images)?;
        let dir = self.dir.join("images");
        for entry in
            std::fs::read_dir(&dir).with_context(|| format!("listing {}", dir.display()))?
        {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let Some(id) = name.strip_suffix(".qcow2") else {
                continue;
            };
            if id.parse::<u64>().is_ok() && !needed.contains(id) {
                std::fs::remove_file(dir.join(&name)).ok();
            }
        }
        Ok(())
    }
}

fn needed_images(tx: &Connection) -> Result<HashSet<String>, rusqlite::Error> {
    let ids = |kind, field: &'static str| -> Result<_, rusqlite::Error> {
        let bodies = resources::all(tx, kind)?.into_iter();
        Ok(bodies.filter_map(move |(_, body)| body[field].as_str().map(str::to_owned)))
    };
    Ok(ids(Kind::Image, "id")?
        .chain(ids(Kind::Disk, "sourceImageId")?)
        .collect())
}

/// A field of a body, empty where there is none.
pub(super) fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}
