//! The QEMU process, and how it ends.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use rustix::process::{Signal, pidfd_send_signal};
use tokio::sync::watch;

use super::qemu;
use crate::child;

/// Drops root's capabilities over other users' files, the network and the kernel. Only root may, and only
/// root needs to.
const WITHOUT_CAPABILITIES: [&str; 3] = [
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--ambient-caps=-all",
];

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The guest powered itself off, or the engine killed it.
    PoweredOff,
    /// QEMU failed; its own words.
    Failed(String),
}

/// Waits until `exit` is set.
pub(super) async fn ended(exit: &watch::Receiver<Option<Exit>>) -> Exit {
    let mut exit = exit.clone();
    let ended = exit.wait_for(Option::is_some).await;
    ended
        .ok()
        .and_then(|exit| exit.clone())
        .unwrap_or(Exit::Failed("QEMU was lost".into()))
}

/// The QEMU process.
#[derive(Debug)]
pub(super) struct Process {
    pidfd: OwnedFd,
    pub exit: watch::Receiver<Option<Exit>>,
    /// Whether the engine has killed it.
    pub killed: Arc<AtomicBool>,
}

impl Process {
    /// Starts QEMU with `arguments`, its output going to `log`.
    pub async fn spawn(arguments: Vec<String>, log: PathBuf) -> Result<Self> {
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let root = rustix::process::geteuid().is_root();
        let mut command = Command::new("setpriv");
        command
            .args(["--no-new-privs", "--pdeathsig", "KILL"])
            .args(WITHOUT_CAPABILITIES.iter().filter(|_| root))
            .args(["--", qemu::PROGRAM])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let (ended, exit) = watch::channel(None);
        let killed = Arc::new(AtomicBool::new(false));
        let by_us = Arc::clone(&killed);
        let pidfd = child::start(command, move |end| {
            let exit = match end.map(|end| end.status) {
                Ok(status) if status.success() => Exit::PoweredOff,
                Ok(_) if by_us.load(Ordering::Relaxed) => Exit::PoweredOff,
                Ok(status) => Exit::Failed(format!("QEMU: {status}{}", last_words(&log))),
                Err(error) => Exit::Failed(format!("waiting for QEMU: {error}")),
            };
            ended.send_replace(Some(exit));
        })
        .await?;
        Ok(Self {
            pidfd,
            exit,
            killed,
        })
    }

    /// Sends a signal. Nothing happens to a process that is gone: a pidfd is never reused.
    pub fn signal(&self, signal: Signal) {
        pidfd_send_signal(&self.pidfd, signal).ok();
    }

    pub async fn wait(&self) -> Exit {
        ended(&self.exit).await
    }
}

/// A failed start leaves no process behind.
impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// The last line of QEMU's output, which says why it failed.
fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .rev()
        .find(|line| !line.is_empty())
        .map_or_else(String::new, |line| {
            let hint = if line.contains("Permission denied") {
                "; QEMU has not root's powers, so the engine's directory and those above it must be \
                 open to this user by their modes (CLAWBAKE_ENGINE names another)"
            } else {
                ""
            };
            format!(": {line}{hint}")
        })
}
