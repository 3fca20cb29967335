use std::collections::BTreeSet;
use std::fs;
use std::process::Output;

use serde_json::Value;
use world::stdout;

use crate::platform::Platform;

/// gcloud on an engine of its own.
pub struct Gcloud {
    platform: Platform,
    /// The different commands that have run.
    pub commands: BTreeSet<String>,
}

impl Gcloud {
    pub fn start(suite: &str) -> Self {
        Self {
            platform: Platform::start(suite),
            commands: BTreeSet::new(),
        }
    }

    /// Runs gcloud, which must succeed.
    pub fn gcloud(&mut self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        stdout(output, arguments).trim_end().to_owned()
    }

    /// Runs gcloud, and reads what it prints as JSON.
    pub fn json(&mut self, arguments: &[&str]) -> Value {
        let output = self.gcloud(&[arguments, &["--format=json"]].concat());
        serde_json::from_str(&output).expect(&output)
    }

    /// Runs gcloud, which must fail; returns its stderr.
    pub fn refused(&mut self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeded");
        String::from_utf8(output.stderr).unwrap()
    }

    fn run(&mut self, arguments: &[&str]) -> Output {
        eprintln!("gcloud {}", arguments.join(" "));
        // The words before names and flags.
        let depth = match arguments {
            ["storage", "buckets" | "objects", ..]
            | ["billing" | "iam", ..]
            | ["secrets", "versions", ..] => 3,
            _ => 2,
        };
        let plain = |word: &&&str| !word.contains([':', '=', '.']);
        let words: Vec<_> = arguments
            .iter()
            .take(depth)
            .filter(plain)
            .copied()
            .collect();
        self.commands.insert(words.join(" "));
        let mut gcloud = self.platform.command("gcloud");
        // `gcloud config` names the project.
        gcloud.env_remove("CLOUDSDK_CORE_PROJECT");
        gcloud.args(arguments).output().unwrap()
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.platform.world.dir().join(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.platform.world.dir().join(name)).unwrap()
    }
}
