use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::stdout;

/// A disk's bytes.
pub struct Disk(pub PathBuf);

impl Disk {
    /// How many lines of the disk hold a text.
    pub fn hits(&self, needle: &str) -> usize {
        let pattern = self.0.with_extension("pattern");
        fs::write(&pattern, needle).unwrap();
        count(&pattern, &self.0)
    }

    /// Ids of the devices that the gateway has paired with; when each was last seen changes.
    pub fn paired_devices(&self) -> Vec<String> {
        let paired: serde_json::Map<String, Value> =
            serde_json::from_str(&self.read("/.clawdbot/devices/paired.json")).unwrap();
        let mut ids: Vec<_> = paired.keys().cloned().collect();
        ids.sort();
        ids
    }

    /// A file of the disk's ext4.
    pub fn read(&self, path: &str) -> String {
        stdout(
            Command::new("debugfs")
                .args(["-R", &format!("cat {path}")])
                .arg(&self.0)
                .output()
                .unwrap(),
            &["debugfs", path],
        )
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Lines of a file that hold what the file `pattern` holds. Runs of zeros, which disks are full of,
/// count as ends of lines: grep would keep each in memory as one line.
pub fn count(pattern: &Path, file: &Path) -> usize {
    let pipe = "tr -s '\\0' '\\n' <\"$1\" | grep -acF -f \"$0\"";
    let output = Command::new("sh")
        .args(["-c", pipe])
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
