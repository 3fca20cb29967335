//! The embedded engine: `localgce` as a process of its own, started and stopped on demand.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use localgce::{Accel, Endpoint};

use crate::serial;

/// How long an engine takes to listen, at most: it may try out KVM first.
const START: Duration = Duration::from_mins(1);
/// How long it takes to power its VMs off, at most: longer than it waits for them itself.
const STOP: Duration = Duration::from_mins(6);
const POLL: Duration = Duration::from_millis(100);

/// The engine that serves `dir`; started if none does.
pub async fn ensure(dir: &Path) -> Result<(Endpoint, Started)> {
    start(dir, None).await
}

/// [`ensure()`], with acceleration `accel`. A running engine with another acceleration is an error.
pub async fn start(dir: &Path, accel: Option<Accel>) -> Result<(Endpoint, Started)> {
    if let Some(endpoint) = Endpoint::read(dir)? {
        ensure!(
            accel.is_none_or(|accel| runs_so(&endpoint, accel)),
            "an engine runs already, and runs guests by {}: `clawbake engine stop` first",
            endpoint.acceleration
        );
        return Ok((endpoint, Started::Before));
    }
    localgce::claim(dir)?;
    let log = dir.join("engine.log");
    let file = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&log);
    let file = file.with_context(|| format!("opening {}", log.display()))?;
    // A session of its own, so that Ctrl-C in this terminal does not reach the engine.
    let mut child = Command::new("setsid")
        .arg(std::env::current_exe()?)
        .args(["engine", "serve", "--dir"])
        .arg(dir)
        .args(accel.map(|accel| format!("--accel={accel}")))
        // With glibc's arena for each thread, what is resident grows by a third in a hundred rounds of work
        // although nothing more is held; with one it stays level.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("starting the engine")?;
    let deadline = tokio::time::Instant::now() + START;
    loop {
        if let Some(endpoint) = Endpoint::read(dir)? {
            return Ok((endpoint, Started::Now));
        }
        // If two are started at once, the first one has the directory and serves both.
        if let Some(status) = child.try_wait()?
            && !Endpoint::is_taken(dir)?
        {
            let ended = anyhow!(
                "the engine ended with {status} before it listened: {}; see {}",
                last_line(&log),
                log.display()
            );
            // The disk may have been too full for the log.
            return Err(localgce::explain(ended, dir));
        }
        if tokio::time::Instant::now() > deadline {
            // The engine that does not listen may be another process's child.
            let _ = child.kill();
            bail!(
                "the engine did not listen within {} s; see {}",
                START.as_secs(),
                log.display()
            );
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Whether it runs guests as requested.
fn runs_so(endpoint: &Endpoint, accel: Accel) -> bool {
    accel == Accel::Auto || endpoint.acceleration == accel.to_string()
}

/// The last line of the log, where a failing engine says why.
fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    serial::last_words(&text).unwrap_or_else(|| "without a word".into())
}

/// Where an engine is and how it runs guests, in one line.
#[must_use]
pub fn describe(endpoint: &Endpoint) -> String {
    let Endpoint {
        url,
        pid,
        acceleration,
        ..
    } = endpoint;
    let why = endpoint.emulated.as_ref();
    let why = why.map_or_else(String::new, |why| format!(", no KVM: {why}"));
    format!("{url} process {pid}, {acceleration}{why}")
}

/// Whether [`ensure()`] found an engine or started one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It ran already.
    Before,
    /// It was started.
    Now,
}

/// Stops the engine of `dir`, which powers its VMs off first. `false` if none ran.
pub async fn stop(dir: &Path) -> Result<bool> {
    let Some(endpoint) = Endpoint::read(dir)? else {
        return Ok(false);
    };
    let pid = i32::try_from(endpoint.pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let pid = pid.with_context(|| format!("{} is no process", endpoint.pid))?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)
        .context("stopping the engine")?;
    let deadline = tokio::time::Instant::now() + STOP;
    let is_next = |other: Endpoint| other.pid != endpoint.pid;
    // The address goes first: until the lock is free the directory is still this engine's.
    while Endpoint::is_taken(dir)? && !Endpoint::read(dir)?.is_some_and(is_next) {
        if tokio::time::Instant::now() > deadline {
            bail!(
                "the engine (process {}) did not stop within {} s",
                endpoint.pid,
                STOP.as_secs()
            );
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(true)
}

/// Deletes all resources of the engine of `dir`, and `dir` itself; stops a running engine first.
pub async fn reset(dir: &Path) -> Result<()> {
    stop(dir).await?;
    localgce::delete(dir).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_says_how_it_runs_guests_and_why_not_by_kvm() {
        let mut endpoint = Endpoint {
            url: "http://127.0.0.1:1".into(),
            token: String::new(),
            project: "p".into(),
            zone: "z".into(),
            pid: 2,
            acceleration: "kvm".into(),
            emulated: None,
        };
        assert_eq!(describe(&endpoint), "http://127.0.0.1:1 process 2, kvm");
        assert!(runs_so(&endpoint, Accel::Auto) && runs_so(&endpoint, Accel::Kvm));
        endpoint.acceleration = "tcg".into();
        endpoint.emulated = Some("there is no /dev/kvm".into());
        assert_eq!(
            describe(&endpoint),
            "http://127.0.0.1:1 process 2, tcg, no KVM: there is no /dev/kvm"
        );
        assert!(runs_so(&endpoint, Accel::Auto) && !runs_so(&endpoint, Accel::Kvm));
    }
}
