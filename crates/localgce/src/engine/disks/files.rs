//! The files of disks.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use crate::engine::Engine;
use crate::engine::attached::source;
use crate::json::text;
use crate::key::{Key, Kind};
use crate::store::resources;
use crate::vm::{Vm, disk};

impl Engine {
    /// Makes the file of a recorded disk and marks the disk READY.
    pub async fn make_disk(&self, key: &Key) -> Result<()> {
        let body = self
            .store
            .transaction(|tx| resources::get(tx, key))?
            .ok_or_else(|| anyhow!("{} is gone", key.path()))?;
        let file = self.disk_file(text(&body, "id"));
        let size_gb: u64 = text(&body, "sizeGb")
            .parse()
            .context("reading the disk's size")?;
        let (image, snapshot) = (&body["sourceImageId"], &body["sourceSnapshotId"]);
        let base = match image.as_str() {
            Some(id) => Some(self.made_image(id).await?),
            None => snapshot.as_str().map(|id| self.snapshot_file(id)),
        };
        match base {
            Some(base) => disk::overlay(&base, &file, size_gb).await?,
            None => disk::blank(&file, size_gb).await?,
        }
        self.store
            .transaction(|tx| resources::update(tx, key, |disk| disk["status"] = "READY".into()))?;
        Ok(())
    }

    /// Removes a disk and its file.
    pub fn remove_disk(&self, key: &Key) -> Result<()> {
        self.store.transaction(|tx| resources::remove(tx, key))?;
        self.sweep();
        Ok(())
    }

    /// Copies a disk to a file. The copy of a disk in use is crash-consistent: what a power cut would
    /// leave.
    pub async fn copy_disk(&self, key: &Key, target: &Path) -> Result<()> {
        match self.holder(key)? {
            (_, Some((vm, drive))) => vm.copy(drive, target).await,
            (file, None) => disk::copy(&file, target).await,
        }
    }

    /// Grows a disk, even while a machine runs on it.
    pub async fn grow_disk(&self, key: &Key, size_gb: u64) -> Result<()> {
        match self.holder(key)? {
            (_, Some((vm, drive))) => vm.grow(drive, size_gb).await?,
            (file, None) => disk::grow(&file, size_gb).await?,
        }
        let size = size_gb.to_string();
        self.store
            .transaction(|tx| resources::update(tx, key, |disk| disk["sizeGb"] = size.into()))?;
        Ok(())
    }

    /// A disk's file, and the machine that runs on it with the drive's number there.
    fn holder(&self, key: &Key) -> Result<(PathBuf, Option<(Vm, usize)>)> {
        let (disk, instance) = self.store.transaction(|tx| {
            let disk = resources::get(tx, key)?.ok_or_else(|| anyhow!("{} is gone", key.path()))?;
            let user = disk["users"][0].as_str();
            let user = user.and_then(|user| key.resolve(Kind::Instance, user));
            let instance = match user {
                Some(user) => Some((resources::get(tx, &user)?, user)),
                None => None,
            };
            Ok::<_, anyhow::Error>((disk, instance))
        })?;
        let machine = instance.and_then(|(body, instance)| {
            let (vm, _) = self.running(&instance)?;
            let body = body?;
            let mut disks = body["disks"].as_array()?.iter();
            let drive = disks.position(|disk| source(&instance, disk).as_ref() == Some(key))?;
            Some((vm, drive))
        });
        Ok((self.disk_file(text(&disk, "id")), machine))
    }
}
