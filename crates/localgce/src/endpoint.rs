//! Where a running engine is.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// Where a running engine listens, and its token.
#[derive(Clone, Deserialize, Serialize)]
pub struct Endpoint {
    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub url: String,
    /// The owner's bearer token.
    pub token: String,
    /// The project to use.
    pub project: String,
    /// The zone to use.
    pub zone: String,
    /// The engine's process.
    pub pid: u32,
    /// How guests are run from now on: `kvm` or `tcg`.
    pub acceleration: String,
    /// Why they are emulated, where KVM was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulated: Option<String>,
}

/// Without the token.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.url)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// The engine that serves `dir`; `None` if none runs, or not yet.
    ///
    /// # Errors
    /// When what is in `dir` cannot be read.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        if !Self::is_taken(dir)? {
            return Ok(None);
        }
        let path = dir.join(FILE);
        let endpoint: Self = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text
                .map_err(anyhow::Error::from)
                .and_then(|text| Ok(serde_json::from_slice(&text)?))
                .with_context(|| format!("reading {}", path.display()))?,
        };
        // The next engine has the lock before it removes what one that was killed has left.
        Ok(endpoint.is_alive().then_some(endpoint))
    }

    /// Whether its process is there, be it another user's.
    fn is_alive(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
    }

    /// Whether an engine has taken `dir`, be it one that does not listen yet.
    ///
    /// # Errors
    /// When what is in `dir` cannot be read.
    pub fn is_taken(dir: &Path) -> Result<bool> {
        // Without an engine the lock is free, whatever an engine that died has left behind.
        match File::open(dir.join(LOCK)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("reading {}", dir.display())),
            Ok(lock) => Ok(flock(&lock, FlockOperation::NonBlockingLockShared).is_err()),
        }
    }

    /// A file that holds the token alone, for programs that want one.
    #[must_use]
    pub fn token_file(&self, dir: &Path) -> PathBuf {
        dir.join(TOKEN)
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        write_private(&dir.join(TOKEN), self.token.as_bytes())?;
        write_private(&dir.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    pub(crate) fn remove(dir: &Path) {
        for name in [FILE, TOKEN] {
            std::fs::remove_file(dir.join(name)).ok();
        }
    }
}

const FILE: &str = "endpoint.json";
const LOCK: &str = "lock";
const TOKEN: &str = "token";
/// How often the lock may be found in the hands of somebody who looks.
const LOOKS: u32 = 500;
const LOOK: Duration = Duration::from_millis(3);

/// Writes a file whole or not at all, for its owner alone.
fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let write = || -> Result<()> {
        // Temporary files are 0600.
        let mut file = NamedTempFile::new_in(path.parent().context("a path without a directory")?)?;
        file.write_all(content)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// Makes this process the only engine of `dir`, for as long as the file is open.
pub(crate) async fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    let lock = lock.with_context(|| format!("opening {}", path.display()))?;
    let mut looks = 0;
    while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        // Who looks whether there is an engine holds the lock as well, shared and for an instant.
        let looked_at = flock(&lock, FlockOperation::NonBlockingLockShared).is_ok();
        if !looked_at || looks == LOOKS {
            bail!(
                "another engine serves {}; stop it first, or use another directory",
                dir.display()
            );
        }
        looks += 1;
        flock(&lock, FlockOperation::Unlock).context("letting go of the lock")?;
        tokio::time::sleep(LOOK).await;
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endpoint_of_a_killed_engine_is_none_also_while_the_next_one_starts() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |pid| {
            let endpoint = Endpoint {
                url: "http://127.0.0.1:1".into(),
                token: String::new(),
                project: "p".into(),
                zone: "z".into(),
                pid,
                acceleration: "tcg".into(),
                emulated: None,
            };
            endpoint.write(dir.path()).expect("an endpoint");
        };
        let mut child = std::process::Command::new("true").spawn().expect("true");
        child.wait().expect("its end");
        let _next = lock(dir.path()).await.expect("the lock");
        let read = || Endpoint::read(dir.path()).expect("a look");
        write(child.id());
        assert!(read().is_none());
        write(std::process::id());
        assert!(read().is_some());
    }
}
