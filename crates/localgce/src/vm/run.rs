use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::acceleration::Accelerator;
use super::qmp::Qmp;
use super::{FLUSH, Process, fallback};

/// A QEMU that runs a machine.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub qmp: Arc<Mutex<Qmp>>,
    pub process: Arc<Process>,
    pub accelerator: Accelerator,
    /// Why the machine was restarted under emulation, if it was.
    pub why: Option<String>,
    pub log: PathBuf,
}

impl Run {
    pub async fn execute(&self, command: &str, arguments: Value) -> Result<Value> {
        self.qmp.lock().await.execute(command, arguments).await
    }

    /// QEMU's words, if it has stopped the guest because KVM cannot run it.
    pub async fn internal_error(&self) -> Option<String> {
        let answer = self.execute("query-status", json!({})).await.ok()?;
        let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
        fallback::internal_error(answer["status"].as_str()?, log)
    }

    /// How many bytes the guest has written to its disks.
    pub async fn written(&self) -> u64 {
        let statistics = self.execute("query-blockstats", json!({})).await;
        let drives = statistics.unwrap_or_default();
        let written = |drive: &Value| drive["stats"]["wr_bytes"].as_u64();
        drives
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(written)
            .sum()
    }

    /// Pulls the plug, and returns when QEMU is gone.
    pub async fn kill(&self) {
        self.process.killed.store(true, Ordering::Relaxed);
        // SIGTERM first: QEMU then writes what it holds of its disk images.
        self.process.signal(Signal::TERM);
        if tokio::time::timeout(FLUSH, self.process.wait())
            .await
            .is_err()
        {
            self.process.signal(Signal::KILL);
            self.process.wait().await;
        }
    }
}
