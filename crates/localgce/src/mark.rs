//! Marks an engine's directory, so that no other directory is deleted by mistake.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::{endpoint, private};

/// The file that says so.
const TAG: &str = "engine.tag";
const TEXT: &str = "This directory and all in it is an engine's of localgce.\n";
/// What an engine makes in its directory, and the log of who starts it.
pub(crate) const OWN: [&str; 16] = [
    TAG,
    "lock",
    "engine.log",
    "endpoint.json",
    "token",
    "reserve",
    "cache",
    "kvm-distrust.json",
    "localgce.db",
    "localgce.db-shm",
    "localgce.db-wal",
    "objects",
    "images",
    "snapshots",
    "disks",
    "vms",
];

/// Creates an engine's directory, private to its owner, and marks it, unless it is one already.
///
/// # Errors
/// When it cannot be made, or belongs to somebody or something else: nothing is changed in it.
pub fn claim(dir: &Path) -> Result<()> {
    private::make(dir)?;
    let claiming = || format!("making {} an engine's directory", dir.display());
    if is_set(dir) {
        return Ok(());
    }
    if holds_own_alone(dir).with_context(claiming)? {
        return fs::write(dir.join(TAG), TEXT).with_context(claiming);
    }
    // An engine of a version before the mark, to which somebody has added something, goes on without one.
    ensure!(
        is_file(&dir.join("localgce.db")),
        "{} holds files that are no engine's: name a directory that is empty or not there yet; nothing \
         was changed",
        dir.display()
    );
    Ok(())
}

fn is_set(dir: &Path) -> bool {
    let tag = dir.join(TAG);
    is_file(&tag) && fs::read_to_string(tag).is_ok_and(|text| text == TEXT)
}

/// Whether it is a regular file, not a link.
fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn holds_own_alone(dir: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if !OWN.iter().any(|own| name == OsStr::new(own)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Deletes the directory of an engine that does not run, with all that is in it. Links in it are
/// deleted and not followed. Nothing happens where there is no such directory.
///
/// # Errors
/// When the directory is not an engine's, is a link, or an engine serves it.
pub async fn delete(dir: &Path) -> Result<()> {
    match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => ensure!(
            found
                .with_context(|| format!("looking at {}", dir.display()))?
                .is_dir(),
            "{} is a link, or no directory: name the engine's directory itself",
            dir.display()
        ),
    }
    // Engines of versions before the mark have it from their next start on.
    let older = is_file(&dir.join("localgce.db")) && holds_own_alone(dir)?;
    ensure!(
        is_set(dir) || older,
        "{0} does not have an engine's mark, {TAG}, or holds other files: nothing was deleted. If it is the \
         engine's and all in it may go, delete it with `rm -r`",
        dir.display()
    );
    let _lock = endpoint::lock(dir).await?;
    fs::remove_dir_all(dir).with_context(|| format!("deleting {}", dir.display()))
}
