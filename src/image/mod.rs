//! The offline build: recipe -> root, gateway container, disk, archive. No VM, no cloud.
//!
//! Every stage is kept by the digest of its inputs ([`key`]), so a new gateway release rebuilds the
//! gateway's container and the disk, not the root; and nothing at all where nothing changed.

pub mod archive;
pub mod binary;
pub mod cache;
pub mod container;
mod context;
pub mod disk;
pub mod key;
pub mod kit;
pub mod layout;
pub mod root;
pub mod run;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::release::Registry;
use cache::Cache;
use key::Key;

/// A recipe with everything from outside resolved: what a build would make, before it is made.
#[derive(Clone)]
pub struct Plan {
    /// Name of the image: family, gateway version and content.
    pub name: String,
    root: Key,
    gateway: Key,
    disk: Key,
    /// The gateway's Containerfile, with nothing left open.
    pub(crate) containerfile: String,
    pub(crate) sources: container::Sources,
}

impl Plan {
    /// Digest of everything that the image is made from.
    #[must_use]
    pub fn content(&self) -> String {
        self.disk.short()
    }

    /// Digest of everything that the gateway's container is made from.
    #[must_use]
    pub fn gateway(&self) -> String {
        self.gateway.short()
    }
}

/// A finished build.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Built {
    /// `disk.raw` in a tar.gz, as Compute Engine imports it.
    pub archive: PathBuf,
    /// The disk itself.
    pub disk: PathBuf,
    /// Installed packages and their versions.
    pub packages: PathBuf,
    /// The gateway's container image, a Docker archive.
    pub gateway: PathBuf,
}

/// The builder for a recipe.
#[derive(Debug)]
pub struct Offline<'a> {
    recipe: &'a Recipe,
    cache: &'a Cache,
    registry: Registry,
    http: reqwest::Client,
}

impl<'a> Offline<'a> {
    /// A builder that keeps its stages in `cache`.
    #[must_use]
    pub fn new(recipe: &'a Recipe, cache: &'a Cache) -> Self {
        let http = reqwest::Client::new();
        Self {
            recipe,
            cache,
            registry: Registry::from_environment(http.clone()),
            http,
        }
    }

    /// Resolves versions and the state of Debian's archive, and names the image.
    pub async fn plan(&self) -> Result<Plan> {
        let recipe = self.recipe;
        let (sources, debian) = tokio::try_join!(
            container::Sources::resolve(recipe, &self.registry),
            self.debian_archive()
        )?;
        let containerfile = container::containerfile(recipe, &sources)?;
        let root = root::key(recipe, &debian);
        let gateway = container::key(recipe, &containerfile, &sources, &debian);
        let disk = disk::key(recipe, &root, &gateway)?;
        let name = image_name(
            &recipe.family,
            &recipe.gateway.release.version.to_string(),
            &disk.short(),
        );
        Ok(Plan {
            name,
            root,
            gateway,
            disk,
            containerfile,
            sources,
        })
    }

    /// The digest of what Debian's archive holds for the base today: the root is made anew when it
    /// changes, so that an image never lacks a security update that was out when it was baked.
    async fn debian_archive(&self) -> Result<String> {
        let suite = self.recipe.base.suite();
        let mut key = Key::new("debian", 1);
        for dist in [
            format!("debian/dists/{suite}"),
            format!("debian-security/dists/{suite}-security"),
        ] {
            let url = format!("http://deb.debian.org/{dist}/InRelease");
            let response = self
                .http
                .get(&url)
                .send()
                .await
                .and_then(reqwest::Response::error_for_status);
            key = key.with(
                &dist,
                &response
                    .with_context(|| format!("fetching {url}"))?
                    .text()
                    .await?,
            );
        }
        Ok(key.short())
    }

    /// Makes what the plan says, as far as the cache does not hold it.
    pub async fn build(&self, plan: &Plan, progress: &Progress) -> Result<Built> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "the offline builder mounts file systems and runs containers: run it as root"
        );
        let (recipe, cache) = (self.recipe, self.cache);
        // Neither needs the other, and each waits for the network half of its time.
        let (gateway, root) =
            tokio::try_join!(self.gateway(plan, progress), self.root(plan, progress))?;

        let stage = progress.stage("disk");
        let (disk, outcome) = disk::make(
            recipe,
            &plan.name,
            &plan.disk,
            (&root, &plan.root),
            &gateway,
            cache,
            &stage,
        )
        .await?;
        stage.finish(
            outcome,
            format!(
                "{} GiB, {} used",
                recipe.disk_gb,
                size(&disk.join(disk::DISK))?
            ),
        );

        let stage = progress.stage("archive");
        let (archive, outcome) = archive::make(&disk, &plan.disk, cache, &stage).await?;
        stage.finish(outcome, size(&archive)?);
        Ok(Built {
            archive,
            disk: disk.join(disk::DISK),
            packages: disk.join(disk::MANIFEST),
            gateway: gateway.join(container::ARCHIVE),
        })
    }

    async fn gateway(&self, plan: &Plan, progress: &Progress) -> Result<PathBuf> {
        let stage = progress.stage("gateway image");
        let made = container::make(
            self.recipe,
            &plan.gateway,
            &plan.containerfile,
            &plan.sources,
            &self.registry,
            self.cache,
            &stage,
        );
        let (dir, outcome) = made.await?;
        let Recipe { name, gateway, .. } = self.recipe;
        let size = size(&dir.join(container::ARCHIVE))?;
        stage.finish(
            outcome,
            format!("{name} {}, {size}", gateway.release.version),
        );
        Ok(dir)
    }

    async fn root(&self, plan: &Plan, progress: &Progress) -> Result<PathBuf> {
        let stage = progress.stage("root");
        let (disk, outcome) = root::make(self.recipe, &plan.root, self.cache, &stage).await?;
        stage.finish(outcome, format!("{}, {}", self.recipe.base, size(&disk)?));
        Ok(disk)
    }
}

/// `<family>-<version>-<content>`, within Compute Engine's 63 characters; `content` is a digest, whose
/// first 8 digits tell apart what one family will ever hold.
pub(crate) fn image_name(family: &str, version: &str, content: &str) -> String {
    let version: String = version
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let content = &content[..8];
    let mut name = format!("{family}-{version}");
    name.truncate(63 - 1 - content.len());
    format!("{}-{content}", name.trim_end_matches('-'))
}

/// Bytes that a file really takes, for people.
fn size(path: &Path) -> Result<String> {
    use std::os::unix::fs::MetadataExt as _;
    let blocks = std::fs::metadata(path)
        .with_context(|| format!("looking at {}", path.display()))?
        .blocks();
    #[allow(clippy::cast_precision_loss)] // megabytes with one digit
    let megabytes = (blocks * 512) as f64 / 1e6;
    Ok(if megabytes < 1000.0 {
        format!("{megabytes:.0} MB")
    } else {
        format!("{:.2} GB", megabytes / 1000.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_tell_the_release_and_stay_within_the_limit() {
        let content = "0123456789abcdef";
        assert_eq!(
            image_name("clawdbot-gateway", "2026.1.24-3", content),
            "clawdbot-gateway-2026-1-24-3-01234567"
        );
        let long = image_name(&"f".repeat(63), "2026.1.24", content);
        assert_eq!(long.len(), 63);
        assert!(long.ends_with("-01234567"));
    }
}
