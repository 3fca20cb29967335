//! What is on disks and in snapshots, as the engine keeps them: a byte, repeated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

/// The state of the deployment.
pub const STATE: u8 = b'S';
/// What is on the state disk where the state itself is in a snapshot alone.
pub const LATER: u8 = b'L';

/// Reads an engine's disks and snapshots. No guest writes to them, so each is read once.
pub struct Contents {
    engine: PathBuf,
    known: Mutex<BTreeMap<String, u8>>,
}

impl Contents {
    pub fn of(engine: &Path) -> Self {
        Self {
            engine: engine.into(),
            known: Mutex::default(),
        }
    }

    /// Fills the beginning of a disk that no VM has.
    pub fn write(&self, disk: &Value, content: u8) {
        let command = format!("write -P {content} 0 512");
        assert!(self.qemu_io("disks", disk, &["-c", &command]));
        let id = disk["id"].as_str().unwrap().to_owned();
        self.known.lock().unwrap().insert(id, content);
    }

    /// What a disk or a snapshot begins with; 0 if it is blank or not there.
    pub fn read(&self, collection: &str, it: &Value) -> u8 {
        let id = it["id"].as_str().unwrap_or_default().to_owned();
        if let Some(&known) = self.known.lock().unwrap().get(&id) {
            return known;
        }
        // What is being made has no content yet.
        if it["status"] != "READY" {
            return 0;
        }
        let is = |content: &u8| {
            let command = format!("read -P {content} 0 512");
            self.qemu_io(collection, it, &["-r", "-U", "-c", &command])
        };
        let content = [STATE, LATER].into_iter().find(is).unwrap_or_default();
        self.known.lock().unwrap().insert(id, content);
        content
    }

    fn qemu_io(&self, collection: &str, it: &Value, words: &[&str]) -> bool {
        let id = it["id"].as_str().unwrap();
        let file = self.engine.join(collection).join(format!("{id}.qcow2"));
        let mut qemu = Command::new("qemu-io");
        let ran = qemu.args(["-f", "qcow2"]).args(words).arg(file).output();
        let ran = ran.expect("qemu-io of qemu-utils");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        ran.status.success() && !said.contains("failed")
    }
}
