//! The files of images. Those of public images are made on first use.

use std::path::PathBuf;

use anyhow::Result;

use crate::debian::{PROJECT, Release};
use crate::engine::Engine;
use crate::json::text;
use crate::key::{Kind, Scope};
use crate::store::resources;
use crate::vm::disk;

impl Engine {
    /// The file of the image with this id. A public image's file is made on first use.
    ///
    /// # Errors
    /// When a public image cannot be made on this machine.
    pub async fn made_image(&self, id: &str) -> Result<PathBuf> {
        let file = self.image_file(id);
        if file.exists() {
            return Ok(file);
        }
        let cache = self.cache.lock().await;
        if file.exists() {
            return Ok(file);
        }
        let images = self
            .store
            .transaction(|tx| resources::list(tx, PROJECT, &Scope::Global, Kind::Image))?;
        let image = images.iter().find(|image| text(image, "id") == id);
        // The files of all other images are made along with the image.
        if let Some(name) = image.map(|image| text(image, "name"))
            && let Some(release) = Release::of(name)
        {
            let made = release.make(name, &cache).await?;
            disk::link(&made, &file)?;
        }
        Ok(file)
    }
}
