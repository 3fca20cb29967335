//! A QEMU process that runs a machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::accelerator::Accelerator;
use super::machine::Machine;
use super::process::{Exit, Process};
use super::qmp::Qmp;
use super::{fallback, network, qemu, socket};

/// How long QEMU may take to flush its disks when it is killed.
const FLUSH: Duration = Duration::from_secs(5);

/// A QEMU process that runs a machine.
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
    /// Starts a machine, and returns when QEMU runs it.
    pub async fn start(
        machine: &Machine,
        accelerator: Accelerator,
        connect_command: &[String],
    ) -> Result<Self> {
        std::fs::create_dir_all(&machine.dir)
            .with_context(|| format!("creating {}", machine.dir.display()))?;
        if machine.uefi {
            qemu::prepare_uefi(&machine.dir)?;
        }
        let path = qemu::qmp_socket(&machine.dir);
        let listener = socket::listen(&path)?;
        let network = network::Listener::new(&machine.dir)?;
        let served = machine.forwards.iter().map(|forward| forward.guest_port);
        let served = served.collect();
        let arguments = qemu::command_line(machine, accelerator, connect_command);
        let log = machine.dir.join("qemu.log");
        let process = Process::spawn(arguments, log.clone()).await?;
        let ended = |exit| match exit {
            Exit::Failed(reason) => anyhow!(reason),
            Exit::PoweredOff => anyhow!("QEMU ended before it ran the guest"),
        };
        let connected = async {
            network.filter(served).await?;
            Qmp::accept(&listener).await
        };
        let qmp = tokio::select! {
            qmp = connected => qmp,
            exit = process.wait() => Err(ended(exit)),
        };
        let qmp = match qmp {
            Ok(qmp) => qmp,
            // QEMU may have dialled in and failed afterwards: then it says why as it ends.
            Err(error) => match tokio::time::timeout(FLUSH, process.wait()).await {
                Ok(exit) => return Err(ended(exit)),
                Err(_) => return Err(error),
            },
        };
        std::fs::remove_file(&path).ok();
        Ok(Self {
            qmp: Arc::new(Mutex::new(qmp)),
            process: Arc::new(process),
            accelerator,
            why: None,
            log,
        })
    }

    pub async fn execute(&self, command: &str, arguments: Value) -> Result<Value> {
        self.qmp.lock().await.execute(command, arguments).await
    }

    /// QEMU's message, if it has stopped the guest because KVM cannot run it.
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

    /// Kills the machine, and returns when QEMU is gone.
    pub async fn kill(&self) {
        self.process.killed.store(true, Ordering::Relaxed);
        // SIGTERM first, so that QEMU flushes its disk images.
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
