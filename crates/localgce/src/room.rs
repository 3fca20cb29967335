//! Room on the device that the engine writes to.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Error;
use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// What is kept back, in bytes, so that on a full device an engine can start, and something can still be
/// deleted: the database's journal grows to 4 MiB before it is folded into it.
const RESERVE: u64 = 8 << 20;
/// With less left than this, in bytes, the reserve is given up.
const LOW: u64 = 2 << 20;

/// With less left than this, in bytes, an error is put down to it: not all that fails by it says so.
const BARE: u64 = 64 << 10;

/// Space reserved in a file, and released when the device is almost full.
pub struct Reserve {
    path: PathBuf,
    // One at a time looks and acts.
    lock: Mutex<()>,
}

/// What to do about the reserve.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Take,
    Release,
    Stay,
}

impl Reserve {
    /// The reserve of the engine in `dir`; [`Self::keep`] takes it.
    pub fn of(dir: &Path) -> Self {
        Self {
            path: dir.join("reserve"),
            lock: Mutex::new(()),
        }
    }

    /// Releases the reserve if space is needed, and takes it again if there is enough.
    pub fn keep(&self) {
        let _lock = self.lock.lock();
        let held = self.path.exists();
        // Without a look at the device nothing is known to be wrong with it.
        let Some(Ok(available)) = self.path.parent().map(available) else {
            return;
        };
        let give_up = match step(available, held) {
            Step::Take => take(&self.path).is_err(),
            Step::Release => true,
            Step::Stay => false,
        };
        if give_up {
            std::fs::remove_file(&self.path).ok();
        }
    }
}

fn step(available: u64, held: bool) -> Step {
    match held {
        true if available < LOW => Step::Release,
        false if available >= RESERVE + 2 * LOW => Step::Take,
        _ => Step::Stay,
    }
}

fn take(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    Ok(fallocate(&file, FallocateFlags::empty(), 0, RESERVE)?)
}

/// Bytes that are left to this user on the device of `dir`.
pub fn available(dir: &Path) -> io::Result<u64> {
    let device = statvfs(dir)?;
    Ok(device.f_bavail.saturating_mul(device.f_frsize))
}

/// Whether an error says that a device or the user's quota is full.
pub fn is_full(error: &Error) -> bool {
    error.chain().any(|cause| {
        let full = |error: &io::Error| {
            matches!(
                error.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded
            )
        };
        cause.downcast_ref::<io::Error>().is_some_and(full)
            || cause
                .downcast_ref::<rusqlite::Error>()
                .and_then(rusqlite::Error::sqlite_error_code)
                == Some(rusqlite::ErrorCode::DiskFull)
    })
}

/// Adds to an error in an engine's directory that its device is full, if that is the cause.
#[must_use]
pub fn explain(error: Error, dir: &Path) -> Error {
    let full = is_full(&error) || available(dir).is_ok_and(|left| left < BARE);
    if !full {
        return error;
    }
    error.context(format!(
        "no space left on device in {}: make room there",
        dir.display()
    ))
}

/// Makes the names in a directory survive a power cut.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_given_up_when_the_device_is_full_and_taken_again() {
        assert_eq!(step(1 << 30, false), Step::Take);
        assert_eq!(step(1 << 30, true), Step::Stay);
        assert_eq!(step(LOW - 1, true), Step::Release);
        assert_eq!(step(LOW - 1, false), Step::Stay);
        // Just released, it is not taken again at once.
        assert_eq!(step(LOW - 1 + RESERVE, false), Step::Stay);
        let dir = tempfile::tempdir().expect("a directory");
        let reserve = Reserve::of(dir.path());
        reserve.keep();
        let file = dir.path().join("reserve").metadata().expect("a reserve");
        assert_eq!(std::os::unix::fs::MetadataExt::blocks(&file) * 512, RESERVE);
    }
}
