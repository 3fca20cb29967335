//! The gateway, as those see it who use it: over HTTP, in a browser, on the disks.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use world::stdout;

use crate::browser::Browser;
use crate::disk::{Disk, count};
use crate::stage::Stage;

/// Where the browser's picture stays.
const SCREENSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/control-ui.png");

impl Stage {
    /// The status with which a gateway answers a call, with or without a token.
    pub fn ask(&self, url: &str, token: Option<&str>) -> u16 {
        self.invoke(url, token, &json!({"tool": "sessions_list"})).0
    }

    /// A call of a gateway's: its status and its answer.
    pub fn invoke(&self, url: &str, token: Option<&str>, body: &Value) -> (u16, String) {
        let mut config =
            format!("url = \"{url}tools/invoke\"\nheader = \"Content-Type: application/json\"\n");
        if let Some(token) = token {
            let escaped = token.replace('\\', "\\\\").replace('"', "\\\"");
            writeln!(config, "header = \"Authorization: Bearer {escaped}\"").unwrap();
        }
        let mut command = self.command("curl");
        command
            .args(["-sS", "--max-time", "60", "-w", "\n%{http_code}"])
            .args(["--config", "-", "--data", &body.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        stdin.unwrap().write_all(config.as_bytes()).unwrap();
        let output = stdout(child.wait_with_output().unwrap(), &["curl"]);
        let (answer, status) = output.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), answer.to_owned())
    }

    /// Opens a page in a browser, waits until its document holds `expected`, keeps a picture of it, and
    /// returns the document.
    pub fn browse(&self, url: &str, expected: &str) -> String {
        let browser = Browser::open(&self.path("chromium"));
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
        let size = picture.len();
        assert!(size > 10_000, "a picture of {size} bytes shows nothing");
        self.say(&format!("{SCREENSHOT}: {size} bytes"));
        page
    }

    /// Lines of the baked disk and of the container image's layers that hold a text.
    pub fn hits_in_image(&self, needle: &str) -> usize {
        let baked: Value =
            serde_json::from_str(&self.clawbake(&["bake", "--no-publish", "--json"])).unwrap();
        let pattern = self.path("pattern");
        fs::write(&pattern, needle).unwrap();
        let file = |key| Path::new(baked.pointer(key).unwrap().as_str().unwrap());
        ["/disk", "/gateway"]
            .map(|key| count(&pattern, file(key)))
            .iter()
            .sum()
    }

    /// A disk of the deployment's, as it lies.
    pub fn disk_named(&self, name: &str) -> Disk {
        let id = self.gcloud(&["compute", "disks", "describe", name, "--format=value(id)"]);
        self.disk("disks", id.trim())
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
}
