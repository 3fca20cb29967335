//! Builds a plan on this machine, stage by stage.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::cache::Cache;
use super::plan::Plan;
use super::{archive, container, disk, root};
use crate::progress::Progress;
use crate::recipe::Exact;

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

/// The offline builder of a recipe.
#[derive(Debug)]
pub struct Offline<'a> {
    recipe: &'a Exact,
    cache: &'a Cache,
}

impl<'a> Offline<'a> {
    /// A builder that keeps its stages in `cache`.
    #[must_use]
    pub fn new(recipe: &'a Exact, cache: &'a Cache) -> Self {
        Self { recipe, cache }
    }

    /// Builds what is not in the cache yet.
    pub async fn build(&self, plan: &Plan, progress: &Progress) -> Result<Built> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "the offline builder mounts file systems and runs containers: run it as root"
        );
        let (recipe, cache) = (self.recipe, self.cache);
        // They are independent, and each spends half its time waiting for the network.
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
        let (archive, outcome) = archive::make(recipe, &disk, &plan.disk, cache, &stage).await?;
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
            self.cache,
            &stage,
        );
        let (dir, outcome) = made.await?;
        let size = size(&dir.join(container::ARCHIVE))?;
        stage.finish(
            outcome,
            format!("{} {}, {size}", self.recipe.name, self.recipe.version),
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

/// A file's allocated size, for people.
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
