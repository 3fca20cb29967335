//! The end-to-end test's hands: the real binary, real gcloud, real curl and Chromium, and the disks as
//! they lie. Everything it made goes when it is dropped, also when the story fails.

mod browser;
mod disk;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use wire::Proxy;

use browser::Browser;
use disk::{Disk, count};

const CLAWBAKE: &str = env!("CARGO_BIN_EXE_clawbake");
/// Where the browser's picture stays.
const SCREENSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/control-ui.png");

pub struct Story {
    dir: TempDir,
    started: Instant,
    /// What all programs reach the engine through.
    proxy: Proxy,
}

/// How often a text holds another.
pub fn hits(text: &str, needle: &str) -> usize {
    assert!(!needle.is_empty());
    text.matches(needle).count()
}

impl Story {
    pub fn begin() -> Self {
        // Short: the path of a unix socket below it may have 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("clawbake-")
            .tempdir_in("/tmp")
            .unwrap();
        let engine = dir.path().join("engine");
        let mut start = Command::new(CLAWBAKE);
        start
            .args(["engine", "start"])
            .env("CLAWBAKE_ENGINE", &engine);
        stdout(start.output().unwrap(), &["engine", "start"]);
        let story = Self {
            dir,
            started: Instant::now(),
            proxy: Proxy::start(&engine, "story"),
        };
        story.clawbake(&["init"]);
        story
    }

    pub fn chapter(&self, title: &str) {
        eprintln!("\n== {:>4} s  {title}", self.started.elapsed().as_secs());
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir.path());
        command
            .env("CLAWBAKE_ENGINE", self.proxy.engine_dir())
            .env("CLAWBAKE_JOURNAL", self.dir.path().join("journal"));
        command
    }

    /// Runs `clawbake engine ...` in the engine's own directory.
    pub fn engine_command(&self, verb: &str) -> bool {
        let mut command = self.command(CLAWBAKE);
        command.args(["engine", verb]);
        let status = command.env("CLAWBAKE_ENGINE", self.engine()).status();
        status.is_ok_and(|status| status.success())
    }

    fn engine(&self) -> PathBuf {
        self.dir.path().join("engine")
    }

    pub fn clawbake(&self, arguments: &[&str]) -> String {
        self.clawbake_with(arguments, "")
    }

    /// Runs clawbake with `input` on its stdin; its progress goes to the test's own stderr.
    pub fn clawbake_with(&self, arguments: &[&str], input: &str) -> String {
        let mut command = self.command(CLAWBAKE);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        stdout(child.wait_with_output().unwrap(), arguments)
    }

    /// Runs clawbake, which must fail with this exit code; returns its stderr.
    pub fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self
            .command(CLAWBAKE)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        eprintln!("{stderr}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        stderr
    }

    pub fn gcloud(&self, arguments: &[&str]) -> String {
        stdout(self.try_gcloud(arguments), arguments)
    }

    fn try_gcloud(&self, arguments: &[&str]) -> Output {
        let mut command = self.command("gcloud");
        command
            .env("CLOUDSDK_CONFIG", self.dir.path().join("gcloud"))
            .args(arguments)
            .stdin(Stdio::null());
        for line in self.clawbake(&["engine", "env"]).lines() {
            let (name, value) = line.trim_start_matches("export ").split_once('=').unwrap();
            command.env(name, value.trim_matches('\''));
        }
        command.output().unwrap()
    }

    pub fn token(&self) -> String {
        self.clawbake(&["secrets", "show", "clawdbot-gateway-token"])
    }

    /// The status with which the gateway answers a call, with or without a token.
    pub fn ask(&self, url: &str, token: Option<&str>) -> u16 {
        let mut config =
            format!("url = \"{url}tools/invoke\"\nheader = \"Content-Type: application/json\"\n");
        if let Some(token) = token {
            let escaped = token.replace('\\', "\\\\").replace('"', "\\\"");
            writeln!(config, "header = \"Authorization: Bearer {escaped}\"").unwrap();
        }
        let mut command = self.command("curl");
        command.args([
            "-sS",
            "--max-time",
            "60",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--config",
            "-",
        ]);
        command
            .args(["--data", "{\"tool\":\"sessions_list\"}"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(config.as_bytes())
            .unwrap();
        stdout(child.wait_with_output().unwrap(), &["curl"])
            .parse()
            .unwrap()
    }

    /// Opens a page in a browser, waits until its document holds `expected`, keeps a picture of it, and
    /// returns the document.
    pub fn browse(&self, url: &str, expected: &str) -> String {
        let browser = Browser::open(&self.dir.path().join("chromium"));
        browser.post("url", &json!({"url": url}));
        let deadline = Instant::now() + Duration::from_mins(5);
        let page = loop {
            let page = browser.get("source");
            let page = page.as_str().unwrap();
            if page.contains(expected) {
                break page.to_owned();
            }
            assert!(
                Instant::now() < deadline,
                "the page never showed {expected}:\n{page}"
            );
            std::thread::sleep(Duration::from_secs(2));
        };
        let picture = BASE64_STANDARD
            .decode(browser.get("screenshot").as_str().unwrap())
            .unwrap();
        fs::write(SCREENSHOT, &picture).unwrap();
        assert!(
            picture.len() > 10_000,
            "a picture of {} bytes shows nothing",
            picture.len()
        );
        eprintln!("{SCREENSHOT}: {} bytes", picture.len());
        page
    }

    /// Every command line on this machine.
    pub fn processes(&self) -> String {
        stdout(
            self.command("ps")
                .args(["axww", "-o", "args"])
                .output()
                .unwrap(),
            &["ps"],
        )
    }

    /// Lines of the baked disk and of the container image's layers that hold a text.
    pub fn hits_in_image(&self, needle: &str) -> usize {
        let baked: Value =
            serde_json::from_str(&self.clawbake(&["bake", "--no-publish", "--json"])).unwrap();
        let pattern = self.dir.path().join("pattern");
        fs::write(&pattern, needle).unwrap();
        ["/disk", "/gateway"]
            .iter()
            .map(|key| {
                count(
                    &pattern,
                    Path::new(baked.pointer(key).unwrap().as_str().unwrap()),
                )
            })
            .sum()
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

    /// A disk that no VM holds, as it lies.
    pub fn disk(&self, name: &str) -> Disk {
        let id = self.gcloud(&["compute", "disks", "describe", name, "--format=value(id)"]);
        let file = self.engine().join(format!("disks/{}.qcow2", id.trim()));
        let raw = self.dir.path().join(format!("{name}.raw"));
        let mut convert = self.command("qemu-img");
        convert.args(["convert", "-O", "raw"]).arg(file).arg(&raw);
        stdout(convert.output().unwrap(), &["qemu-img"]);
        Disk(raw)
    }

    /// What the search inside the guest found.
    pub fn canary(&self, instance: &str) -> Value {
        let deadline = Instant::now() + Duration::from_mins(10);
        loop {
            let output = self.try_gcloud(&[
                "compute",
                "instances",
                "get-guest-attributes",
                instance,
                "--query-path=canary/",
                "--format=value(value)",
            ]);
            if let Ok(value) = serde_json::from_slice(&output.stdout) {
                return value;
            }
            assert!(
                Instant::now() < deadline,
                "the guest found nothing to say: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            std::thread::sleep(Duration::from_secs(5));
        }
    }

    /// Seconds between the VM's report before the secrets are fetched and the one that it failed, by
    /// its own clock.
    pub fn seconds_to_failure(&self) -> u32 {
        let log = self.clawbake(&["logs"]);
        let at = |phase: &str| {
            let marker = format!("clawbake: phase={phase} ");
            let line = log
                .lines()
                .find_map(|line| line.split_once(&marker))
                .unwrap_or_else(|| panic!("no {marker}in\n{log}"))
                .1;
            let report: Value = serde_json::from_str(line.trim()).unwrap();
            let time: Vec<u32> = report["at"].as_str().unwrap()[11..19]
                .split(':')
                .map(|n| n.parse().unwrap())
                .collect();
            (time[0] * 60 + time[1]) * 60 + time[2]
        };
        (at("failed") + 86_400 - at("secrets")) % 86_400
    }

    /// Ends the engine as a crash would.
    pub fn kill_engine(&self) {
        let endpoint: Value =
            serde_json::from_slice(&fs::read(self.engine().join("endpoint.json")).unwrap())
                .unwrap();
        let pid = endpoint["pid"].to_string();
        assert!(
            self.command("kill")
                .args(["-9", &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits until this story's engine has so many QEMU processes.
    pub fn expect_machines(&self, expected: usize) {
        let own = self.engine().display().to_string();
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

    pub fn end(self) {
        self.chapter("the end");
        assert_eq!(
            fs::read_dir(self.dir.path().join("journal"))
                .unwrap()
                .count(),
            0,
            "a journal is left over"
        );
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.command(CLAWBAKE).args(["logs"]).output();
            let text = log
                .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
                .unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            eprintln!(
                "the VM's last words:\n{}",
                lines[lines.len().saturating_sub(60)..].join("\n")
            );
        }
        // An engine that is left running would be worse than an error here.
        if !self.engine_command("stop") {
            eprintln!(
                "the engine in {} could not be stopped",
                self.engine().display()
            );
        }
    }
}

fn stdout(output: Output, what: &[&str]) -> String {
    assert!(
        output.status.success(),
        "{what:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
