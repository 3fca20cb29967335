//! A machine that runs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::accelerator::Acceleration;
use super::process::{Exit, ended};
use super::run::Run;
use super::{disk, qemu};

/// How often a copy's progress is checked.
const POLL: Duration = Duration::from_millis(100);

/// A running machine.
#[derive(Clone, Debug)]
pub struct Vm {
    /// Changes after a restart under emulation.
    pub(super) current: watch::Receiver<Run>,
    pub(super) exit: watch::Receiver<Option<Exit>>,
    pub(super) killed: Arc<AtomicBool>,
}

impl Vm {
    /// How it runs now.
    #[must_use]
    pub fn acceleration(&self) -> Acceleration {
        self.current.borrow().accelerator.acceleration
    }

    /// Waits until it is restarted under emulation, and returns why. Waits forever if it is not.
    pub async fn falls_back(&self) -> String {
        let mut current = self.current.clone();
        let why = match current.wait_for(|run| run.why.is_some()).await {
            Ok(run) => run.why.clone(),
            Err(_) => None,
        };
        match why {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }

    /// Presses the ACPI power button, which the guest may ignore.
    ///
    /// # Errors
    /// When QEMU does not answer.
    pub async fn press_power_button(&self) -> Result<()> {
        self.execute("system_powerdown", json!({})).await.map(drop)
    }

    /// Presses the reset button.
    ///
    /// # Errors
    /// When QEMU does not answer.
    pub async fn reset(&self) -> Result<()> {
        self.execute("system_reset", json!({})).await.map(drop)
    }

    /// Grows a drive, given by its number, to `size_gb` GiB, and tells the guest.
    ///
    /// # Errors
    /// When QEMU cannot.
    pub async fn grow(&self, drive: usize, size_gb: u64) -> Result<()> {
        let resize = json!({"device": qemu::drive_id(drive), "size": size_gb << 30});
        self.execute("block_resize", resize).await.map(drop)
    }

    /// Copies a drive, given by its number, as it is now, while the guest goes on writing to it. The copy is
    /// what a power cut would leave.
    ///
    /// # Errors
    /// When QEMU cannot, as by a full file system.
    pub async fn copy(&self, drive: usize, target: &Path) -> Result<()> {
        let part = disk::part_of(target)?;
        let job = format!("copy-{}", uuid::Uuid::new_v4().simple());
        let backup = json!({
            "device": qemu::drive_id(drive), "job-id": job, "auto-dismiss": false,
            "sync": "full", "format": "qcow2", "target": part.to_str().context("a path in UTF-8")?,
        });
        self.execute("drive-backup", backup).await?;
        loop {
            let jobs = self.execute("query-jobs", json!({})).await?;
            let mut jobs = jobs.as_array().into_iter().flatten();
            let state = jobs
                .find(|found| found["id"] == job.as_str())
                .context("QEMU has lost the copy")?;
            if state["status"] == "concluded" {
                self.execute("job-dismiss", json!({"id": job})).await?;
                ensure!(state["error"].is_null(), "QEMU: {}", state["error"]);
                return disk::finish(part, target);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn execute(&self, command: &str, arguments: Value) -> Result<Value> {
        let run = self.run();
        run.execute(command, arguments).await
    }

    pub(super) fn run(&self) -> Run {
        self.current.borrow().clone()
    }

    /// Kills the machine, and returns when it is gone.
    pub async fn kill(&self) {
        // A restart under emulation checks this and stops.
        self.killed.store(true, Ordering::Relaxed);
        self.run().kill().await;
        self.wait().await;
    }

    /// Waits until the machine has ended, and returns how.
    pub async fn wait(&self) -> Exit {
        ended(&self.exit).await
    }
}
