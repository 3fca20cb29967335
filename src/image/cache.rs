//! Build stages by content: each has a directory, which is reused until its inputs change.

use std::fs::{self, File};
use std::future::Future;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

use super::key::Key;
use crate::progress::Outcome;
use crate::recipe::Recipe;

/// How many results of one stage are kept: the current one and the one before it.
const KEPT: usize = 2;

/// The directory of stages, `$XDG_CACHE_HOME/clawbake` by default.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// Opens the cache, making its directory.
    pub fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)
            .with_context(|| format!("making the cache directory {}", dir.display()))?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// The name of a recipe's own stage: results of one recipe do not make room for another's.
    #[must_use]
    pub fn own(stage: &str, recipe: &Recipe) -> String {
        format!("{stage}-{}", recipe.name)
    }

    /// A directory that is shared between runs and may be thrown away at any time.
    pub fn shared(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(dir)
    }

    /// Where a stage's log goes. Kept until the stage runs again.
    pub fn log(&self, stage: &str) -> Result<PathBuf> {
        Ok(self.shared("log")?.join(format!("{stage}.log")))
    }

    /// The directory of a stage's result. `make` fills an empty directory, which gets its final name
    /// only after `make` has succeeded, so a result is always complete.
    pub async fn stage<F: Future<Output = Result<()>>>(
        &self,
        stage: &str,
        key: &Key,
        make: impl FnOnce(PathBuf) -> F,
    ) -> Result<(PathBuf, Outcome)> {
        let _lock = self.lock(stage).await?;
        let dir = self.dir.join(format!("{stage}-{}", key.short()));
        if dir.is_dir() {
            return Ok((dir, Outcome::Cached));
        }
        let part = self.dir.join(format!("{stage}.part"));
        if part.exists() {
            fs::remove_dir_all(&part).with_context(|| format!("clearing {}", part.display()))?;
        }
        self.evict(stage)?;
        fs::create_dir(&part).with_context(|| format!("making {}", part.display()))?;
        make(part.clone()).await?;
        fs::rename(&part, &dir).with_context(|| format!("naming {}", dir.display()))?;
        Ok((dir, Outcome::Done))
    }

    /// Concurrent bakes take turns at each stage.
    async fn lock(&self, stage: &str) -> Result<File> {
        let path = self.dir.join(format!("{stage}.lock"));
        let file =
            File::create(&path).with_context(|| format!("opening the lock {}", path.display()))?;
        tokio::task::spawn_blocking(move || {
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        })
        .await?
    }

    /// Makes room for another result of a stage by removing the oldest.
    fn evict(&self, stage: &str) -> Result<()> {
        let prefix = format!("{stage}-");
        let mut results: Vec<_> = fs::read_dir(&self.dir)?
            .filter_map(Result::ok)
            .filter(|entry| {
                let name = entry.file_name();
                let key = name.to_str().and_then(|name| name.strip_prefix(&prefix));
                key.is_some_and(|key| key.len() == 16 && key.bytes().all(|b| b.is_ascii_hexdigit()))
            })
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        results.sort();
        let surplus = (results.len() + 1).saturating_sub(KEPT);
        for (_, dir) in results.into_iter().take(surplus) {
            fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn make(cache: &Cache, content: &str) -> (PathBuf, Outcome) {
        let key = Key::new("s", 1).with("content", content);
        let write = |dir: PathBuf| async move { Ok(fs::write(dir.join("file"), content)?) };
        cache.stage("s", &key, write).await.unwrap()
    }

    #[tokio::test]
    async fn a_stage_is_made_once_for_its_inputs_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let (first, outcome) = make(&cache, "one").await;
        assert_eq!(outcome, Outcome::Done);
        assert_eq!(make(&cache, "one").await, (first.clone(), Outcome::Cached));
        for content in ["two", "three"] {
            assert_eq!(make(&cache, content).await.1, Outcome::Done);
        }
        assert!(!first.exists());
    }

    #[tokio::test]
    async fn a_failed_stage_leaves_no_result() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let key = Key::new("s", 1);
        let failed = cache
            .stage("s", &key, |_| async { anyhow::bail!("no") })
            .await;
        assert!(failed.is_err());
        let made = cache.stage("s", &key, |dir| async move {
            assert!(fs::read_dir(dir)?.next().is_none());
            Ok(())
        });
        assert_eq!(made.await.unwrap().1, Outcome::Done);
    }

    #[tokio::test]
    async fn a_bake_that_was_cut_off_goes_on_from_the_stages_that_are_done() {
        let dir = tempfile::tempdir().unwrap();
        let (root, disk) = (Key::new("root", 1), Key::new("disk", 1));
        let halfway = tokio::sync::Notify::new();
        let bake = async {
            let cache = Cache::open(dir.path()).unwrap();
            let write = |dir: PathBuf| async move { Ok(fs::write(dir.join("file"), "whole")?) };
            cache.stage("root", &root, write).await.unwrap();
            let hang = async |dir: PathBuf| {
                fs::write(dir.join("file"), "ha")?;
                halfway.notify_one();
                std::future::pending().await
            };
            cache.stage("disk", &disk, hang).await
        };
        tokio::select! {
            _ = bake => panic!("it ended"),
            () = halfway.notified() => {}
        }

        let cache = Cache::open(dir.path()).unwrap();
        let never = async |_| panic!("the root is there");
        let (made, outcome) = cache.stage("root", &root, never).await.unwrap();
        assert_eq!(outcome, Outcome::Cached);
        assert_eq!(fs::read_to_string(made.join("file")).unwrap(), "whole");
        let anew = async |dir: PathBuf| {
            assert!(!dir.join("file").exists(), "half a disk was kept");
            Ok(())
        };
        let (_, outcome) = cache.stage("disk", &disk, anew).await.unwrap();
        assert_eq!(outcome, Outcome::Done);
    }
}
