//! Clean-up of the engine's directory. It removes only files that the database has marked as doomed and
//! that no other file is based on, and unfinished files of killed engines.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rusqlite::Connection;

use super::records::get;
use super::{Engine, Work, work};
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::{files, resources};
use crate::vm::{backing, disk};

/// How many unknown files a message names.
const NAMED: usize = 5;

/// Deletes an image or a snapshot, unless it still has the status of one that is being made.
pub fn delete_made(
    engine: &Arc<Engine>,
    tx: &Connection,
    key: &Key,
    unfinished: &str,
) -> Result<Work, Error> {
    if get(tx, key)?["status"] == unfinished {
        return Err(Error::not_ready(&key.path(), "it is being made"));
    }
    resources::remove(tx, key)?;
    let engine = Arc::clone(engine);
    work(async move {
        engine.sweep();
        Ok(())
    })
}

impl Engine {
    /// Removes doomed files, except those that disks are still based on. What cannot be removed now is
    /// tried again at the next sweep.
    pub fn sweep(&self) {
        if let Err(error) = self.try_sweep() {
            crate::log::line(format_args!(
                "removing files that are not needed: {error:#}"
            ));
        }
    }

    fn try_sweep(&self) -> Result<()> {
        loop {
            let (doomed, named) = self
                .store
                .transaction(|tx| Ok::<_, rusqlite::Error>((files::doomed(tx)?, named(tx)?)))?;
            let base = |path: &str| path.starts_with("images/") || path.starts_with("snapshots/");
            let needed = if doomed.iter().any(|path| base(path)) {
                self.backing_files()
            } else {
                Ok(HashSet::new())
            };
            if let Err(error) = &needed {
                crate::log::line(format_args!(
                    "no image's and no snapshot's file is removed: {error:#}"
                ));
            }
            let needed = |path: &str| match &needed {
                Ok(needed) => needed.contains(&self.dir.join(path)),
                Err(_) => base(path),
            };
            let mut gone = Vec::new();
            for path in doomed {
                if named.contains(&path) || needed(&path) {
                    continue;
                }
                match std::fs::remove_file(self.dir.join(&path)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        crate::log::line(format_args!("removing {path}: {error}"));
                    }
                    _ => gone.push(path),
                }
            }
            // A file that is gone may have been the last one based on another.
            if gone.is_empty() {
                return Ok(());
            }
            self.store
                .transaction(|tx| gone.iter().try_for_each(|path| files::forget(tx, path)))?;
        }
    }

    /// The backing files of all qcow2 files here.
    fn backing_files(&self) -> Result<HashSet<PathBuf>> {
        let mut needed = HashSet::new();
        for dir in files::DIRS {
            for name in names(&self.dir.join(dir))? {
                if Path::new(&name)
                    .extension()
                    .is_some_and(|end| end == "qcow2")
                {
                    needed.extend(backing::file(&self.dir.join(dir).join(name))?);
                }
            }
        }
        Ok(needed)
    }

    /// Removes unfinished files of killed engines, then doomed files. Files that the database does not know
    /// are logged and kept: the database may be an older copy.
    pub(super) fn clear_up(&self) -> Result<()> {
        let known = self.store.transaction(files::known)?;
        let known: HashSet<_> = known.into_iter().collect();
        let mut strangers = Vec::new();
        for dir in files::DIRS {
            for name in names(&self.dir.join(dir))? {
                let path = format!("{dir}/{name}");
                if disk::is_part(&name)
                    || dir == "objects" && is_part_of_upload(&name) && !known.contains(&path)
                {
                    let path = self.dir.join(path);
                    let removed =
                        std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
                    removed.with_context(|| format!("removing {}", path.display()))?;
                } else if !known.contains(&path) {
                    strangers.push(path);
                }
            }
        }
        if !strangers.is_empty() {
            strangers.sort();
            let named = strangers.iter().take(NAMED).map(String::as_str);
            let named = named.collect::<Vec<_>>().join(", ");
            let more = strangers.len().saturating_sub(NAMED);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            crate::log::line(format_args!(
                "the database does not know {named}{more}: kept; if nothing needs them, remove them from {}",
                self.dir.display()
            ));
        }
        self.sweep();
        Ok(())
    }
}

/// The source files that disks and unfinished images still need, by the ids of their sources.
fn named(tx: &Connection) -> rusqlite::Result<HashSet<String>> {
    let mut named = HashSet::new();
    for user in [Kind::Disk, Kind::Image] {
        for (_, body) in resources::all(tx, user)? {
            for (kind, field) in [
                (Kind::Image, "sourceImageId"),
                (Kind::Snapshot, "sourceSnapshotId"),
            ] {
                let made = user == Kind::Image && body["status"] != "PENDING";
                let id = body[field].as_str().filter(|_| !made);
                named.extend(id.and_then(|id| files::of(kind, id)));
            }
        }
    }
    Ok(named)
}

/// Whether an older engine, which did not record uploads, named an upload like this.
fn is_part_of_upload(name: &str) -> bool {
    name.strip_suffix(".part")
        .is_some_and(|id| id.parse::<u64>().is_ok())
}

fn names(dir: &Path) -> Result<Vec<String>> {
    let list = || -> std::io::Result<Vec<String>> {
        std::fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    list().with_context(|| format!("listing {}", dir.display()))
}
