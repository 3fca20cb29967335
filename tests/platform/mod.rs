//! An engine of its own, started by the real binary, and Google's programs pointed at it. All of it
//! goes when it is dropped.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const CLAWBAKE: &str = env!("CARGO_BIN_EXE_clawbake");

pub struct Platform {
    dir: TempDir,
    environment: Vec<(String, String)>,
}

impl Platform {
    pub fn start() -> Self {
        // Short: the path of a unix socket below it may have 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("clawbake-")
            .tempdir_in("/tmp")
            .unwrap();
        let mut platform = Self {
            dir,
            environment: Vec::new(),
        };
        let environment = platform.clawbake(&["engine", "env"]);
        platform.environment = environment
            .lines()
            .map(|line| {
                let (name, value) = line.trim_start_matches("export ").split_once('=').unwrap();
                (name.to_owned(), value.trim_matches('\'').to_owned())
            })
            // The tests choose the project themselves.
            .filter(|(name, _)| name != "CLOUDSDK_CORE_PROJECT")
            .collect();
        platform
    }

    /// The directory in which all commands run.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A program in that directory, pointed at the engine.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .stdin(Stdio::null())
            .env("CLAWBAKE_ENGINE", self.path().join("engine"))
            .env("CLAWBAKE_POWER_OFF", "1")
            .env("CLOUDSDK_CONFIG", self.path().join("gcloud"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn clawbake(&self, arguments: &[&str]) -> String {
        stdout(
            self.command(CLAWBAKE).args(arguments).output().unwrap(),
            arguments,
        )
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let stop = self.command(CLAWBAKE).args(["engine", "stop"]).status();
        if !stop.is_ok_and(|status| status.success()) {
            eprintln!("the engine in {} did not stop", self.path().display());
        }
    }
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
