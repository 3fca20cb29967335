use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, test_kill_process};
use serde_json::Value;

/// Where a running engine is, as it says in `endpoint.json` of its directory.
#[derive(Clone)]
pub struct Endpoint {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// The owner's token.
    pub token: String,
    /// The project to use.
    pub project: String,
    /// The zone to use.
    pub zone: String,
    /// The engine's process.
    pub pid: u32,
}

impl Endpoint {
    /// The engine that serves `dir`, if there is one and it listens. One that was killed leaves the file
    /// but neither its lock nor its process.
    ///
    /// # Panics
    /// When the file is none of an engine's.
    #[must_use]
    pub fn read(dir: &Path) -> Option<Self> {
        let lock = File::open(dir.join("lock")).ok()?;
        if flock(&lock, FlockOperation::NonBlockingLockShared).is_ok() {
            return None;
        }
        let text = fs::read(dir.join("endpoint.json")).ok()?;
        let endpoint: Value = serde_json::from_slice(&text).expect("an endpoint");
        let text = |key: &str| endpoint[key].as_str().expect(key).to_owned();
        let pid = u32::try_from(endpoint["pid"].as_u64().expect("pid")).expect("pid");
        process(pid)
            .is_some_and(|it| test_kill_process(it).is_ok())
            .then(|| Self {
                url: text("url"),
                token: text("token"),
                project: text("project"),
                zone: text("zone"),
                pid,
            })
    }
}

/// A process by its number.
pub(crate) fn process(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}
