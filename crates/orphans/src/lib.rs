//! (tests) Finds orphans in an engine's directory: files without a row, rows whose file or worker is gone,
//! processes that no living engine started, mounts and loop devices.
//!
//! It reads the directory, the database and `/proc` itself and knows nothing of the engine's code, so
//! that an engine which loses count of its own things cannot hide it here. Looked at right after a
//! kill, no process and no mount may be found; when the next engine has settled, nothing at all:
//!
//! ```no_run
//! # let (dir, pid) = (std::path::Path::new(""), 1);
//! # use std::time::Duration;
//! assert_eq!(orphans::outlived(dir, Duration::from_secs(1)), []); // the engine was killed
//! assert_eq!(orphans::settle(dir, pid, Duration::from_secs(5)), []); // the next one runs
//! ```
//!
//! ```text
//! files, rows, processes, mounts ──▶ Scene ──▶ findings
//! ```

mod files;
mod finding;
mod judge;
mod mounts;
mod processes;
mod rows;
mod scene;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

pub use finding::Finding;
pub use rows::Count;
use scene::Scene;

const POLL: Duration = Duration::from_millis(50);

/// Processes, mounts and loop devices of an engine that was killed which are still there when `patience`
/// is over.
///
/// # Panics
/// When the machine cannot be looked at.
#[must_use]
pub fn outlived(dir: &Path, patience: Duration) -> Vec<Finding> {
    until_none(patience, || {
        let scene = Scene {
            processes: processes::of(dir)?,
            mounts: mounts::below(dir)?,
            ..Scene::default()
        };
        Ok(judge::findings(&scene))
    })
}

/// The orphans that are left `patience` after the engine with the process id `engine` was started or did
/// anything.
///
/// # Panics
/// When the directory or the machine cannot be looked at.
#[must_use]
pub fn settle(dir: &Path, engine: u32, patience: Duration) -> Vec<Finding> {
    until_none(patience, || Ok(judge::findings(&Scene::look(dir, engine)?)))
}

/// Counts the rows of an engine's database.
///
/// # Errors
/// When it cannot be read.
pub fn count(dir: &Path) -> Result<Count> {
    rows::count(&dir.join("localgce.db"))
}

/// Looks until there are no findings or the time is over, and returns the last findings. A look may fail
/// while things change; only the last one may not.
fn until_none(patience: Duration, look: impl Fn() -> Result<Vec<Finding>>) -> Vec<Finding> {
    let end = Instant::now() + patience;
    loop {
        let found = look();
        let late = Instant::now() >= end;
        match found {
            Ok(found) if found.is_empty() || late => return found,
            Err(error) if late => panic!("looking for orphans: {error:#}"),
            _ => std::thread::sleep(POLL),
        }
    }
}
