//! What is run in a world.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::World;
use crate::ran::{Ran, stdout};
use crate::registry::Registry;

/// What is run in it.
impl World {
    /// A program, pointed at the engine.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command_at(&self.front(), program);
        command.env("CLOUDSDK_CONFIG", self.path("gcloud"));
        command
    }

    fn command_at(&self, engine: &Path, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .env("CLAWBAKE_ENGINE", engine)
            .env("CLAWBAKE_JOURNAL", self.path("journal"))
            .env("CLAWBAKE_FILE", self.path("clawbake.yaml"));
        if !self.caches {
            command.env("CLAWBAKE_CACHE", self.path("cache"));
        }
        command.envs(self.registry.as_ref().map(Registry::variable));
        command
    }

    /// A verb of clawbake.
    #[must_use]
    pub fn verb(&self, words: &[&str]) -> Command {
        let mut command = self.command(&self.clawbake);
        self.isolate(&mut command).args(words);
        command
    }

    /// Nothing of the user's own is read or written.
    fn isolate<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if !self.caches {
            command.env("HOME", self.dir());
            for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs a verb.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Ran {
        self.verb(words).output().expect("clawbake").into()
    }

    /// Runs a verb that must succeed, and returns what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn done(&self, words: &[&str]) -> String {
        stdout(self.verb(words).output().expect("clawbake"), words)
    }

    /// Runs a verb that must fail with this exit code and no result, and returns what it says.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn refused(&self, words: &[&str], code: i32) -> String {
        let ran = self.run(words);
        let (ended, printed) = (ran.code, ran.stdout.as_str());
        assert_eq!((ended, printed), (Some(code), ""), "{words:?}: {ran:?}");
        ran.stderr
    }

    /// Runs a verb so many times at once.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn at_once(&self, words: &[&str], times: usize) -> Vec<Ran> {
        let start = |_| {
            let mut command = self.verb(words);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("clawbake")
        };
        let children: Vec<_> = (0..times).map(start).collect();
        let outputs = children.into_iter().map(Child::wait_with_output);
        outputs.map(|it| it.expect("its end").into()).collect()
    }

    /// The variables that `clawbake engine env` sets in a shell.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = self.done(&["engine", "env"]);
        let variable = |line: &str| {
            let (name, value) = line.trim_start_matches("export ").split_once('=')?;
            Some((name.to_owned(), value.trim_matches('\'').to_owned()))
        };
        text.lines().filter_map(variable).collect()
    }

    /// Starts the engine, past the proxy. Whether that worked.
    #[must_use]
    pub fn start(&self) -> bool {
        self.engine_verb("start")
    }

    /// Stops it. Whether that worked.
    #[must_use]
    pub fn stop(&self) -> bool {
        self.engine_verb("stop")
    }

    fn engine_verb(&self, verb: &str) -> bool {
        let mut command = self.command_at(&self.engine_dir(), &self.clawbake);
        self.isolate(&mut command).args(["engine", verb]);
        if self.halted {
            command.env("CLAWBAKE_ACCEL", "halted");
        }
        let ran = command.output().map(Ran::from);
        ran.is_ok_and(|ran| {
            if !ran.success() {
                eprintln!("engine {verb}: {}", ran.stderr);
            }
            ran.success()
        })
    }
}
