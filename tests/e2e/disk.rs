//! A disk as it lies, read without mounting it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use world::stdout;

/// First byte of the root partition, as Google's images and ours have it.
const ROOT_OFFSET: u64 = 128 << 20;

/// A raw disk's bytes, deleted when dropped.
pub struct Disk {
    file: PathBuf,
    /// The file system, as debugfs is told.
    device: String,
}

impl Disk {
    /// A disk that is one file system.
    pub fn at(file: PathBuf) -> Self {
        let device = file.display().to_string();
        Self { file, device }
    }

    /// The root of a disk that a VM boots from.
    pub fn root(mut self) -> Self {
        self.device = format!("{}?offset={ROOT_OFFSET}", self.file.display());
        self
    }

    /// How many lines of the disk hold a text.
    pub fn hits(&self, needle: &str) -> usize {
        let pattern = self.file.with_extension("pattern");
        fs::write(&pattern, needle).unwrap();
        count(&pattern, &self.file)
    }

    /// Ids of the devices that the gateway has paired with; when each was last seen changes.
    pub fn paired_devices(&self) -> Vec<String> {
        let paired: serde_json::Map<String, Value> =
            serde_json::from_str(&self.read("/.clawdbot/devices/paired.json")).unwrap();
        let mut ids: Vec<_> = paired.keys().cloned().collect();
        ids.sort();
        ids
    }

    /// A file's content.
    pub fn read(&self, path: &str) -> String {
        self.debugfs(&format!("cat {path}"))
    }

    /// Names in a directory; none where there is no such directory.
    pub fn names(&self, dir: &str) -> Vec<String> {
        let listing = self.debugfs(&format!("ls -p {dir}"));
        let names = listing.lines().filter_map(|line| line.split('/').nth(5));
        names
            .filter(|name| !matches!(*name, "." | ".."))
            .map(str::to_owned)
            .collect()
    }

    /// Whether there is a file or a directory.
    pub fn has(&self, path: &str) -> bool {
        let (dir, name) = path.rsplit_once('/').unwrap();
        self.names(dir).iter().any(|found| found == name)
    }

    fn debugfs(&self, request: &str) -> String {
        let mut command = Command::new("debugfs");
        command.args(["-R", request, &self.device]);
        stdout(command.output().unwrap(), &["debugfs", request])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// Lines of a file that hold what the file `pattern` holds.
pub fn count(pattern: &Path, file: &Path) -> usize {
    let output = Command::new("sh")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/count.sh"))
        .args([pattern, file])
        .output()
        .unwrap();
    assert!(
        output.status.code() < Some(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}
