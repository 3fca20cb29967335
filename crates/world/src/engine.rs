use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::endpoint::{Endpoint, process};

/// How long an engine may take to listen.
const START: Duration = Duration::from_mins(1);
/// How long it may take to end, its machines with it.
const END: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// An engine that is a child of the test. It is killed when it is dropped.
pub struct Engine {
    dir: PathBuf,
    process: Child,
}

impl Engine {
    /// Starts an engine in `dir` by the `words` that its own arguments follow, `options` among them.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn spawn(words: &[&str], options: &[&str], dir: &Path, stderr: impl Into<Stdio>) -> Self {
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .arg("serve")
            .args(options)
            .arg("--dir")
            .arg(dir)
            // As clawbake starts it.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::null())
            .stderr(stderr);
        Self {
            dir: dir.into(),
            process: command.spawn().expect("starting an engine"),
        }
    }

    /// Where it is, once it listens.
    ///
    /// # Panics
    /// When it ends, or does not listen in time.
    #[must_use]
    pub fn endpoint(&mut self) -> Endpoint {
        let end = Instant::now() + START;
        loop {
            if let Some(endpoint) = Endpoint::read(&self.dir) {
                return endpoint;
            }
            let ended = self.process.try_wait().expect("its state");
            assert!(ended.is_none(), "the engine ended: {ended:?}");
            assert!(Instant::now() < end, "the engine does not listen");
            std::thread::sleep(POLL);
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Kills it, and returns when it is gone, with what it has said into a pipe.
    ///
    /// # Panics
    /// When that cannot be done.
    pub fn kill(&mut self) -> String {
        self.process.kill().expect("kill -9");
        self.process.wait().expect("its end");
        self.said()
    }

    /// Ends it by SIGTERM, and by another one for its machines. Whether it ended in time.
    #[must_use]
    pub fn stop(&mut self) -> bool {
        let end = Instant::now() + END;
        while Instant::now() < end {
            if let Some(pid) = process(self.pid()) {
                kill_process(pid, Signal::TERM).ok();
            }
            if self.ended_within(Duration::from_millis(200)) {
                return true;
            }
        }
        false
    }

    /// What an engine says that refuses to start.
    ///
    /// # Panics
    /// When it does not refuse in time.
    #[must_use]
    pub fn refusal(mut self) -> String {
        let ended = self.ended_within(END);
        self.process.kill().ok();
        let status = self.process.wait().expect("its end");
        let refused = ended && status.code().is_some_and(|code| code != 0);
        assert!(refused, "it was to refuse: {status}");
        self.said()
    }

    fn ended_within(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            if self.process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(POLL);
        }
    }

    fn said(&mut self) -> String {
        let mut said = Vec::new();
        if let Some(mut stderr) = self.process.stderr.take() {
            stderr.read_to_end(&mut said).expect("what it has said");
        }
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
