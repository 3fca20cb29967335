//! All that an engine keeps is its owner's alone: it holds secrets and the contents of disks.

use std::fs::{DirBuilder, Permissions, set_permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rustix::fs::Mode;
use rustix::process::{geteuid, umask};

/// What anybody else could do.
const OTHERS: u32 = 0o077;
/// In a directory with this bit everybody may make files.
const STICKY: u32 = 0o1000;

/// Makes nothing from now on, by this process or those that it starts, anybody else's to read.
pub fn by_default() {
    umask(Mode::from_raw_mode(OTHERS));
}

/// Makes a directory that is this user's own, unless it is there.
///
/// # Errors
/// When it cannot be made, or is somebody else's.
pub fn make(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("creating {}", dir.display()))?;
    let found = dir
        .metadata()
        .with_context(|| format!("reading {}", dir.display()))?;
    ensure!(
        found.uid() == geteuid().as_raw() && found.mode() & STICKY == 0,
        "{} is not this user's own: use another directory",
        dir.display()
    );
    Ok(())
}

/// Closes a directory and the named entries to others, where an earlier engine left them open.
///
/// # Errors
/// When that is refused.
pub fn close(dir: &Path, names: &[&str]) -> Result<()> {
    let close = || {
        set_permissions(dir, Permissions::from_mode(0o700))?;
        let there = names.iter().map(|name| dir.join(name));
        there
            .filter(|path| path.symlink_metadata().is_ok())
            .try_for_each(|path| narrow(&path))
    };
    close().with_context(|| format!("keeping others out of {}", dir.display()))
}

fn narrow(path: &Path) -> std::io::Result<()> {
    let found = path.symlink_metadata()?;
    if found.is_symlink() {
        return Ok(());
    }
    if found.mode() & OTHERS != 0 {
        set_permissions(path, Permissions::from_mode(found.mode() & !OTHERS))?;
    }
    if found.is_dir() {
        for entry in path.read_dir()? {
            narrow(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wider_is_narrowed_and_links_are_not_followed() {
        let outside = tempfile::tempdir().expect("a directory");
        let file = outside.path().join("file");
        std::fs::write(&file, "").expect("a file");
        set_permissions(&file, Permissions::from_mode(0o644)).expect("a mode");
        let dir = tempfile::tempdir().expect("a directory");
        let inner = dir.path().join("a/b");
        std::fs::create_dir_all(&inner).expect("a directory");
        std::os::unix::fs::symlink(&file, inner.join("link")).expect("a link");
        std::fs::write(inner.join("run"), "").expect("a file");
        set_permissions(inner.join("run"), Permissions::from_mode(0o755)).expect("a mode");
        set_permissions(&inner, Permissions::from_mode(0o777)).expect("a mode");
        narrow(dir.path()).expect("narrowing");
        let mode = |path: &Path| path.metadata().expect("metadata").mode() & 0o7777;
        assert_eq!(mode(&inner), 0o700);
        assert_eq!(mode(&inner.join("run")), 0o700);
        assert_eq!(mode(&file), 0o644);
    }
}
