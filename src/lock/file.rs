//! A lock on disk: read with bounds, written whole or not at all.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{FILE_NAME, Lock};

/// Largest lock, in bytes. One has some fifteen lines.
const LIMIT: u64 = 64 << 10;

impl Lock {
    /// Reads the lock in a deployment's directory, if there is one.
    ///
    /// # Errors
    /// [`crate::document::Findings`] if it does not hold what it should.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        let path = path(dir);
        let reading = || format!("reading {}", path.display());
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.with_context(reading)?,
        };
        let mut text = String::new();
        let read = file.take(LIMIT + 1).read_to_string(&mut text);
        read.with_context(reading)?;
        ensure!(
            text.len() as u64 <= LIMIT,
            "{} is larger than {} KiB: it is not a lock of clawbake",
            path.display(),
            LIMIT >> 10
        );
        Ok(Some(Self::parse(&path.display().to_string(), &text)?))
    }

    /// Writes the lock into a deployment's directory, in place of the one that is there.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let (path, text) = (path(dir), self.text());
        let write = || -> std::io::Result<()> {
            let mut new = temporary(dir)?;
            new.write_all(text.as_bytes())?;
            new.as_file().sync_all()?;
            new.persist(&path)?;
            File::open(directory(dir))?.sync_all()
        };
        write().with_context(|| hint(&path))
    }

    /// Fails if no lock can be written into the directory: better before an hour's work than after.
    pub fn ensure_writable(dir: &Path) -> Result<()> {
        temporary(dir).map(drop).with_context(|| hint(&path(dir)))
    }
}

fn hint(path: &Path) -> String {
    format!(
        "writing {}: what the deployment runs is recorded there, so its directory has to be writable",
        path.display()
    )
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

/// `dir`, or the working directory where that is empty.
fn directory(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    }
}

/// A file that removes itself unless it is persisted, with the permissions that any new file gets.
fn temporary(dir: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".clawbake.lock-")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(directory(dir))
}

#[cfg(test)]
mod tests {
    use super::super::read::tests::lock;
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_lock_is_saved_whole_and_replaces_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Lock::load(dir.path()).unwrap(), None);
        let mut lock = lock();
        lock.save(dir.path()).unwrap();
        lock.template = None;
        lock.save(dir.path()).unwrap();
        Lock::ensure_writable(dir.path()).unwrap();
        assert_eq!(Lock::load(dir.path()).unwrap(), Some(lock));
        assert_eq!(names(dir.path()), [FILE_NAME]);
        let other = dir.path().join("other");
        File::create(&other).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path(dir.path())), mode(&other), "as the umask says");
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named_and_nothing_is_left() {
        let missing = Path::new("/proc/no-such-directory");
        for failed in [lock().save(missing), Lock::ensure_writable(missing)] {
            let error = format!("{:#}", failed.unwrap_err());
            assert!(
                error.contains("/proc/no-such-directory/clawbake.lock")
                    && error.contains("has to be writable"),
                "{error}"
            );
        }
        // The lock's name is taken by what cannot be replaced.
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(path(dir.path())).unwrap();
        lock().save(dir.path()).unwrap_err();
        assert_eq!(names(dir.path()), [FILE_NAME]);
        Lock::load(dir.path()).unwrap_err();
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            path(dir.path()),
            " ".repeat(usize::try_from(LIMIT).unwrap() + 1),
        )
        .unwrap();
        let error = Lock::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("larger than 64 KiB"), "{error}");
    }
}
