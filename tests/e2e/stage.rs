//! Where a test takes place: an engine, the programs that are run against it, and what they leave
//! there. Everything goes when it is dropped, also when the test fails.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::ops::Deref;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use world::{Endpoint, Ran, World, stdout};

use crate::disk::Disk;

pub struct Stage {
    world: World,
    /// The test's, before each line that it says.
    name: &'static str,
    started: Instant,
}

impl Deref for Stage {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// How often a text holds another.
pub fn hits(text: &str, needle: &str) -> usize {
    assert!(!needle.is_empty());
    text.matches(needle).count()
}

impl Stage {
    pub fn open(name: &'static str) -> Self {
        Self::set(name, World::new(env!("CARGO_BIN_EXE_clawbake")))
    }

    /// The same, with a registry of npm's.
    pub fn with_npm(name: &'static str) -> Self {
        Self::set(name, World::new(env!("CARGO_BIN_EXE_clawbake")).npm())
    }

    fn set(name: &'static str, world: World) -> Self {
        let world = world.caches();
        Self {
            world: world.boots().engine().wire(name),
            name,
            started: Instant::now(),
        }
    }

    pub fn say(&self, line: &str) {
        let seconds = self.started.elapsed().as_secs();
        eprintln!("{:<10} {seconds:>4} s  {line}", self.name);
    }

    pub fn chapter(&self, title: &str) {
        self.say(&format!("== {title}"));
    }

    /// Runs clawbake with `input` on its stdin, and repeats what it says.
    pub fn run(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.verb(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        stdin.unwrap().write_all(input.as_bytes()).unwrap();
        // Both at once: a pipe that nobody reads is full at 64 KiB.
        let mut out = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).map(|_| text)
        });
        let mut stderr = String::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            self.say(&line);
            stderr += &(line + "\n");
        }
        let output = child.wait_with_output().unwrap();
        Ran {
            stdout: stdout.join().unwrap().unwrap(),
            stderr,
            ..Ran::from(output)
        }
    }

    pub fn clawbake(&self, arguments: &[&str]) -> String {
        self.clawbake_with(arguments, "")
    }

    /// Runs clawbake, which must succeed; returns its stdout.
    pub fn clawbake_with(&self, arguments: &[&str], input: &str) -> String {
        let outcome = self.run(arguments, input);
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    /// Bakes an image and puts it in front of its family without a boot test; returns its name.
    pub fn bake_untested(&self) -> String {
        let image = self.clawbake(&["bake", "--no-promote", "--json"]);
        let image: Value = serde_json::from_str(&image).unwrap();
        let name = image["name"].as_str().unwrap();
        self.clawbake(&["images", "promote", "--untested", name]);
        name.to_owned()
    }

    /// Runs clawbake, which must fail with this exit code; returns its stderr.
    pub fn refused(&self, arguments: &[&str], code: i32) -> String {
        let outcome = self.run(arguments, "");
        assert_eq!(
            outcome.code,
            Some(code),
            "{arguments:?}: {}",
            outcome.stderr
        );
        outcome.stderr
    }

    pub fn gcloud(&self, arguments: &[&str]) -> String {
        stdout(self.try_gcloud(arguments), arguments)
    }

    fn try_gcloud(&self, arguments: &[&str]) -> Output {
        let mut command = self.command("gcloud");
        command.args(arguments).envs(self.environment());
        command.output().unwrap()
    }

    /// Names of instances or disks, as gcloud lists them.
    pub fn names(&self, kind: &str) -> Vec<String> {
        self.gcloud(&["compute", kind, "list", "--format=value(name)"])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Everything that exists, by name and time of creation.
    pub fn resources(&self) -> String {
        let list = |kind| {
            self.gcloud(&[
                "compute",
                kind,
                "list",
                "--format=value(name,creationTimestamp)",
            ])
        };
        self.clawbake(&["images", "list"])
            + &["instances", "disks", "firewall-rules"].map(list).concat()
    }

    /// What a guest has said under `path`, once `heard` takes it for an answer.
    pub fn guest_attribute<T>(
        &self,
        instance: &str,
        path: &str,
        heard: impl Fn(&Value) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + Duration::from_mins(20);
        loop {
            let output = self.try_gcloud(&[
                "compute",
                "instances",
                "get-guest-attributes",
                instance,
                &format!("--query-path={path}"),
                "--format=value(value)",
            ]);
            if let Some(answer) = serde_json::from_slice(&output.stdout)
                .ok()
                .and_then(|value| heard(&value))
            {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "{instance} has nothing to say of {path}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            std::thread::sleep(Duration::from_secs(5));
        }
    }

    /// The bytes of one of the engine's disks that no VM holds, or of an image's.
    pub fn disk(&self, collection: &str, id: &str) -> Disk {
        let file = self.engine_dir().join(format!("{collection}/{id}.qcow2"));
        let raw = self.path(&format!("{id}.raw"));
        let mut convert = self.command("qemu-img");
        convert.args(["convert", "-O", "raw"]).arg(file).arg(&raw);
        stdout(convert.output().unwrap(), &["qemu-img"]);
        Disk::at(raw)
    }

    /// Every command line on this machine.
    pub fn processes(&self) -> String {
        let mut ps = self.command("ps");
        stdout(ps.args(["axww", "-o", "args"]).output().unwrap(), &["ps"])
    }

    /// Ends the engine as a crash would, and sees that nothing outlives it.
    pub fn kill_engine(&self) {
        let engine = Endpoint::read(&self.engine_dir()).expect("an engine");
        let pid = engine.pid.to_string();
        let status = self.command("kill").args(["-9", &pid]).status();
        assert!(status.unwrap().success());
        let outlived = orphans::outlived(&self.engine_dir(), Duration::from_secs(1));
        assert_eq!(outlived, [], "outlives the engine");
    }

    /// Every file, row and process of the engine has an owner.
    pub fn expect_no_orphans(&self) {
        assert_eq!(self.orphans(), [], "nobody owns it");
    }

    /// Waits until this engine has so many QEMU processes.
    pub fn expect_machines(&self, expected: usize) {
        let own = self.engine_dir().display().to_string();
        let count = || {
            let all = self.processes();
            all.lines()
                .filter(|line| line.starts_with("qemu-system") && line.contains(&own))
                .count()
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while count() != expected {
            assert!(
                Instant::now() < deadline,
                "{} machines run, not {expected}",
                count()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// No run has left anything to clean up.
    pub fn expect_no_journal(&self) {
        assert_eq!(self.journals(), 0, "a journal is left over");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let vms = fs::read_dir(self.engine_dir().join("vms"))
                .into_iter()
                .flatten();
            for vm in vms.flatten() {
                let log = fs::read(vm.path().join("serial.log")).unwrap_or_default();
                let log = String::from_utf8_lossy(&log);
                let lines: Vec<_> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(60)..].join("\n");
                self.say(&format!("a VM's last words:\n{last}"));
            }
        }
    }
}
