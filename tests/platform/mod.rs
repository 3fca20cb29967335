//! An engine of its own, started by the real binary, with Google's contract in front of it: programs
//! are pointed at the proxy that checks all they send and are answered. All of it goes when it is
//! dropped.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use wire::Proxy;

const CLAWBAKE: &str = env!("CARGO_BIN_EXE_clawbake");

pub struct Platform {
    dir: TempDir,
    pub proxy: Proxy,
    environment: Vec<(String, String)>,
}

impl Platform {
    /// Starts it; what passes is recorded as the suite's.
    pub fn start(suite: &str) -> Self {
        // Short: the path of a unix socket below it may have 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("clawbake-")
            .tempdir_in("/tmp")
            .unwrap();
        let started = engine(dir.path(), "start").output().unwrap();
        stdout(started, &["engine", "start"]);
        let mut platform = Self {
            proxy: Proxy::start(&dir.path().join("engine"), suite),
            dir,
            environment: Vec::new(),
        };
        let env = ["engine", "env"];
        let environment = platform.command(CLAWBAKE).args(env).output().unwrap();
        platform.environment = stdout(environment, &env)
            .lines()
            .map(|line| {
                let (name, value) = line.trim_start_matches("export ").split_once('=').unwrap();
                (name.to_owned(), value.trim_matches('\'').to_owned())
            })
            .collect();
        platform
    }

    /// The directory in which all commands run.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A program in that directory, pointed at the engine by way of the proxy.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .stdin(Stdio::null())
            .env("CLAWBAKE_ENGINE", self.proxy.engine_dir())
            .env("CLOUDSDK_CONFIG", self.path().join("gcloud"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let stop = engine(self.path(), "stop").status();
        if !stop.is_ok_and(|status| status.success()) {
            eprintln!("the engine in {} did not stop", self.path().display());
        }
    }
}

/// What starts or stops the engine itself.
fn engine(dir: &Path, verb: &str) -> Command {
    let mut command = Command::new(CLAWBAKE);
    command
        .args(["engine", verb])
        .env("CLAWBAKE_ENGINE", dir.join("engine"))
        .env("CLAWBAKE_POWER_OFF", "1");
    command
}

/// What a program printed, which must have succeeded.
pub fn stdout(output: Output, arguments: &[&str]) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}
