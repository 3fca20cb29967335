//! An image before it is published: its names, and where its bytes are.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::image::key::hex;
use crate::image::{Plan, image_name};
use crate::recipe::Recipe;

/// Where an image's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `disk.raw` in a tar.gz on this machine, as Compute Engine imports it.
    Archive(PathBuf),
    /// URL of a disk, as a builder VM left it.
    Disk(String),
}

/// An image before it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The image's name.
    pub name: String,
    /// The name in its `/etc/clawbake/image.json`; unknown for an archive.
    pub sealed: Option<String>,
    /// Digest of its inputs, lower-case hexadecimal.
    pub content: String,
    /// Digest of the inputs of the gateway's container; unknown for an archive.
    pub gateway: Option<String>,
    /// Where its bytes are.
    pub source: Source,
}

impl Draft {
    /// What a builder made of a plan.
    #[must_use]
    pub fn planned(plan: &Plan, source: Source) -> Self {
        Self {
            name: plan.name.clone(),
            sealed: Some(plan.name.clone()),
            content: plan.content(),
            gateway: Some(plan.gateway()),
            source,
        }
    }

    /// An archive that `bake --no-publish` built elsewhere from the same recipe, identified by its
    /// digest.
    pub async fn archive(recipe: &Recipe, file: &Path) -> Result<Self> {
        let path = file.to_owned();
        let content = tokio::task::spawn_blocking(move || sha256(&path))
            .await?
            .with_context(|| format!("reading the archive {}", file.display()))?;
        Ok(Self {
            name: image_name(recipe, &content),
            sealed: None,
            // A label's value has 63 characters at most, one fewer than the digest.
            content: content[..32].to_owned(),
            gateway: None,
            source: Source::Archive(file.to_owned()),
        })
    }
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut digest = Sha256::new();
    loop {
        let piece = file.fill_buf()?;
        if piece.is_empty() {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(piece);
        let len = piece.len();
        file.consume(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_archive_from_elsewhere_is_named_by_its_digest() {
        let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let draft = Draft::archive(&recipe, file.path()).await.unwrap();
        let version = recipe.gateway.release.version.label();
        assert_eq!(draft.name, format!("{}-{version}-ba7816bf", recipe.family));
        assert_eq!(draft.content, "ba7816bf8f01cfea414140de5dae2223");
        let missing = Draft::archive(&recipe, Path::new("no-such-file")).await;
        assert!(format!("{:#}", missing.unwrap_err()).contains("reading the archive no-such-file"));
    }
}
