//! What lies in an engine's directory.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

/// Directories whose entries have a row each.
pub(crate) const COLLECTIONS: [&str; 5] = ["objects", "images", "snapshots", "disks", "vms"];

/// Paths relative to the engine's directory, and their lengths in bytes.
pub(crate) type Files = BTreeMap<String, u64>;

/// The entries of the directory and of its collections.
pub(crate) fn list(dir: &Path) -> Result<Files> {
    let mut found = Files::new();
    add(&mut found, dir, "")?;
    for collection in COLLECTIONS {
        add(&mut found, &dir.join(collection), &format!("{collection}/"))?;
    }
    Ok(found)
}

fn add(found: &mut Files, dir: &Path, prefix: &str) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("listing {}", dir.display()))?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        found.insert(format!("{prefix}{name}"), entry.metadata()?.len());
    }
    Ok(())
}
