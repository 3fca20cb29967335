//! Directories and what tests put into them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An empty directory. Short: the path of a unix socket below it may have 107 bytes.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn directory() -> TempDir {
    let named = tempfile::Builder::new()
        .prefix("clawbake-")
        .tempdir_in("/tmp");
    named.expect("a directory")
}

/// Copies a directory and all in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("a file");
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).expect("a copy");
        }
    }
}

/// An archive of a disk of 1 GiB that begins with `content`, in a new directory.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn archive(dir: &Path, content: &str) -> PathBuf {
    fs::create_dir(dir).expect("a directory");
    let mut disk = fs::File::create(dir.join("disk.raw")).expect("a file");
    disk.write_all(content.as_bytes()).expect("a disk");
    disk.set_len(1 << 30).expect("a disk");
    let mut tar = Command::new("tar");
    tar.args(["--format=oldgnu", "-Sczf", "disk.tar.gz", "disk.raw"]);
    let status = tar.current_dir(dir).status().expect("tar");
    assert!(status.success(), "tar: {status}");
    dir.join("disk.tar.gz")
}
