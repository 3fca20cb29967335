//! A directory that leads clients to the proxy.
//!
//! `localgce` says where it listens in `endpoint.json` of its directory; who reads it looks first
//! whether the engine still holds `lock` beside it. So this directory has an `endpoint.json` with the
//! proxy's URL, and the rest of the engine's own files by links: the lock, the token, the disks.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::NamedTempFile;

const FILE: &str = "endpoint.json";

fn read(engine: &Path) -> Result<Value> {
    let path = engine.join(FILE);
    let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
}

/// Host and port of the engine.
pub(crate) fn address(engine: &Path) -> Result<String> {
    let endpoint = read(engine)?;
    let url = endpoint["url"]
        .as_str()
        .context("an endpoint without URL")?;
    Ok(url.trim_start_matches("http://").to_owned())
}

/// Makes `front` lead to `url`, with all else as it is in `engine` now.
pub(crate) fn lead(front: &Path, engine: &Path, url: &str) -> Result<()> {
    let mut endpoint = read(engine)?;
    endpoint["url"] = url.into();
    // A unique name, since several threads of a test may ask at once.
    let new = NamedTempFile::new_in(front)?;
    fs::write(new.path(), endpoint.to_string())?;
    new.persist(front.join(FILE))?;
    for entry in fs::read_dir(engine)? {
        let entry = entry?;
        if entry.file_name() == FILE {
            continue;
        }
        match symlink(entry.path(), front.join(entry.file_name())) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
