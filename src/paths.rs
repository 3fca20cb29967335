//! Where clawbake keeps its files on this machine, following the XDG base directories.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Build stages: `$CLAWBAKE_CACHE`, else `$XDG_CACHE_HOME/clawbake`. May be deleted at any time.
pub fn cache() -> Result<PathBuf> {
    directory("CLAWBAKE_CACHE", "XDG_CACHE_HOME", ".cache", "")
}

/// The local engine's resources and disks: `$CLAWBAKE_ENGINE`, else below `$XDG_STATE_HOME`.
pub fn engine() -> Result<PathBuf> {
    directory(
        "CLAWBAKE_ENGINE",
        "XDG_STATE_HOME",
        ".local/state",
        "engine",
    )
}

/// Journals of runs: `$CLAWBAKE_JOURNAL`, else below `$XDG_STATE_HOME`.
pub fn journal() -> Result<PathBuf> {
    directory(
        "CLAWBAKE_JOURNAL",
        "XDG_STATE_HOME",
        ".local/state",
        "journal",
    )
}

fn directory(own: &str, xdg: &str, home: &str, leaf: &str) -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os(own) {
        return std::path::absolute(dir).with_context(|| format!("reading {own}"));
    }
    let base = match std::env::var_os(xdg) {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(
            std::env::var_os("HOME")
                .with_context(|| format!("neither {own}, {xdg} nor HOME is set"))?,
        )
        .join(home),
    };
    Ok(base.join("clawbake").join(leaf))
}
