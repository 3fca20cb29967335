//! Whose a directory is: what deletes an engine's directory must not delete another one.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::endpoint;

/// The file that says so.
const TAG: &str = "engine.tag";
const TEXT: &str = "This directory and all in it is an engine's of localgce.\n";
/// What an engine makes in its directory, and the log of who starts it.
const OWN: [&str; 13] = [
    "lock",
    "engine.log",
    "endpoint.json",
    "token",
    "reserve",
    "localgce.db",
    "localgce.db-shm",
    "localgce.db-wal",
    "objects",
    "images",
    "snapshots",
    "disks",
    "vms",
];

/// Marks an engine's directory, unless it holds anything that is not an engine's.
pub(crate) fn set(dir: &Path) -> Result<()> {
    let setting = || format!("marking {} as an engine's", dir.display());
    if !is_set(dir) && holds_own_alone(dir).with_context(setting)? {
        fs::write(dir.join(TAG), TEXT).with_context(setting)?;
    }
    Ok(())
}

fn is_set(dir: &Path) -> bool {
    let tag = dir.join(TAG);
    is_file(&tag) && fs::read_to_string(tag).is_ok_and(|text| text == TEXT)
}

/// Whether it is a file, and no link to one.
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
