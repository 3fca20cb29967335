//! An image before it is published: its names, and where its bytes are.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};

use crate::document::Refusal;
use crate::image::key::hex;
use crate::image::{Plan, image_name};
use crate::lock::{self, Lock};
use crate::recipe::Recipe;
use crate::release::Version;

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
    /// The gateway in it.
    pub version: Version,
    /// What it holds; unknown for an archive without the lock that was written with it.
    pub lock: Option<Lock>,
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
            version: plan.recipe.version,
            lock: Some(plan.lock.clone()),
            content: plan.content(),
            gateway: Some(plan.gateway()),
            source,
        }
    }

    /// An archive that `bake --no-publish` built elsewhere from the same recipe, identified by its
    /// digest. What it holds says the lock that was written beside it.
    ///
    /// # Errors
    /// Also if the lock is that of another image.
    pub async fn archive(recipe: &Recipe, lock: Option<Lock>, file: &Path) -> Result<Self> {
        let path = file.to_owned();
        let content = tokio::task::spawn_blocking(move || sha256(&path))
            .await?
            .with_context(|| format!("reading the archive {}", file.display()))?;
        let held = lock.as_ref().map(|lock| lock.gateway.version);
        let version = recipe.gateway.release.version.or(held).with_context(|| {
            format!(
                "which version the archive {} holds is not known, since the recipe names a channel: bring along \
                 the {} that was written with it",
                file.display(),
                lock::FILE_NAME
            )
        })?;
        let name = image_name(&recipe.family, version, &content);
        let lock = lock.map(|lock| lock_of_archive(lock, &name)).transpose()?;
        Ok(Self {
            name,
            version,
            lock,
            sealed: None,
            // A label's value has 63 characters at most, one fewer than the digest.
            content: content[..32].to_owned(),
            gateway: None,
            source: Source::Archive(file.to_owned()),
        })
    }
}

/// The lock that was written with an archive names no image yet, or this one.
fn lock_of_archive(lock: Lock, name: &str) -> Result<Lock> {
    if let Some(other) = lock.image.as_deref()
        && other != name
    {
        bail!(
            "{} is that of the image {other}, not of this archive: put the one that `clawbake bake \
             --no-publish` wrote with the archive in its place",
            lock::FILE_NAME
        );
    }
    let image = name.parse();
    let image = image.map_err(|refusal: Refusal| anyhow!("{}", refusal.message))?;
    Ok(Lock {
        image: Some(image),
        ..lock
    })
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
        let draft = Draft::archive(&recipe, None, file.path()).await.unwrap();
        let version = recipe.gateway.release.version.unwrap().label();
        assert_eq!(draft.name, format!("{}-{version}-ba7816bf", recipe.family));
        assert_eq!(draft.content, "ba7816bf8f01cfea414140de5dae2223");
        let missing = Draft::archive(&recipe, None, Path::new("no-such-file")).await;
        assert!(format!("{:#}", missing.unwrap_err()).contains("reading the archive no-such-file"));
    }
}
