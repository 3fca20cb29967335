//! Virtual machines: one QEMU process each.
//!
//! ```text
//!           start                    guest powers off, power button, kill
//! Machine ─────────▶ running (Vm) ───────────────────────────────────────▶ Exit::PoweredOff
//!    │                  │  ▲ │
//!    │ QEMU refuses     └──┘ │ QEMU dies
//!    ▼                 reset ▼
//!  error                Exit::Failed
//! ```
//!
//! One that does not run under KVM is restarted under emulation, and stays the same [`Vm`].
//!
//! No machine outlives the engine, however the engine dies.

mod acceleration;
pub mod backing;
mod connect_command;
pub mod disk;
mod distrust;
mod fallback;
mod hypervisor;
mod network;
mod probe;
mod qemu;
mod qmp;
mod run;

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Signal, pidfd_send_signal};
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::{Mutex, watch};

use crate::child;
use acceleration::Accelerator;
pub use acceleration::{Accel, Acceleration};
pub use hypervisor::Hypervisor;
#[cfg(test)]
pub(crate) use hypervisor::tests as suspect;
pub use network::INTERNAL_ADDRESS;
pub use qemu::MAC_ADDRESS;
use qmp::Qmp;
use run::Run;

/// What QEMU gets to write its disks' last blocks when it is told to end at once.
const FLUSH: Duration = Duration::from_secs(5);

/// How often a copy is looked after.
const POLL: Duration = Duration::from_millis(100);

/// QEMU as root has none of root's powers over other users' files, the network or the kernel.
/// Nobody else may ask for this, nor needs to.
const WITHOUT_CAPABILITIES: [&str; 3] = [
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--ambient-caps=-all",
];

/// A machine as it is to be started.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The instance's id, which the guest sees in its SMBIOS serial number.
    pub id: u64,
    /// The instance's name.
    pub name: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Disks.
    pub drives: Vec<Drive>,
    /// TCP ports of the guest that are reachable on this machine.
    pub forwards: Vec<Forward>,
    /// The machine's own directory: sockets and logs.
    pub dir: PathBuf,
    /// Boots by UEFI instead of BIOS.
    pub uefi: bool,
}

/// A persistent disk.
#[derive(Clone, Debug)]
pub struct Drive {
    /// The name that the guest sees in `/dev/disk/by-id/scsi-0Google_PersistentDisk_<name>`.
    pub device_name: String,
    /// The qcow2 file.
    pub path: PathBuf,
    /// Whether the firmware boots from it.
    pub boot: bool,
}

/// A TCP port of the guest, on an address of this machine.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Where this machine listens.
    pub host: SocketAddr,
    /// The guest's port.
    pub guest_port: u16,
}

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The guest powered itself off, or [`Vm::kill`] did.
    PoweredOff,
    /// QEMU failed; its own words.
    Failed(String),
}

/// A running machine.
#[derive(Clone, Debug)]
pub struct Vm {
    /// Another one after a restart under emulation.
    current: watch::Receiver<Run>,
    exit: watch::Receiver<Option<Exit>>,
    killed: Arc<AtomicBool>,
}

impl Vm {
    /// How it is run at this moment.
    #[must_use]
    pub fn acceleration(&self) -> Acceleration {
        self.current.borrow().accelerator.acceleration
    }

    /// Waits until it is restarted under emulation, and says why; for ever if it is not.
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

    /// Presses the ACPI power button; whether the guest obeys is the guest's affair.
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

    /// Tells the guest that a drive, by its number, has grown to `size_gb` GiB, and grows its file.
    ///
    /// # Errors
    /// When QEMU cannot.
    pub async fn grow(&self, drive: usize, size_gb: u64) -> Result<()> {
        let resize = json!({"device": qemu::drive_id(drive), "size": size_gb << 30});
        self.execute("block_resize", resize).await.map(drop)
    }

    /// Copies a drive, by its number, as it is at this moment, while the guest goes on writing to
    /// it: what a power cut would leave.
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

    fn run(&self) -> Run {
        self.current.borrow().clone()
    }

    /// Pulls the plug, and returns when the machine is gone.
    pub async fn kill(&self) {
        // A machine that is being restarted is not, then.
        self.killed.store(true, Ordering::Relaxed);
        self.run().kill().await;
        self.wait().await;
    }

    /// Waits until the machine has ended, and says how.
    pub async fn wait(&self) -> Exit {
        ended(&self.exit).await
    }
}

async fn ended(exit: &watch::Receiver<Option<Exit>>) -> Exit {
    let mut exit = exit.clone();
    let ended = exit.wait_for(Option::is_some).await;
    ended
        .ok()
        .and_then(|exit| exit.clone())
        .unwrap_or(Exit::Failed("QEMU was lost".into()))
}

/// The QEMU process.
#[derive(Debug)]
struct Process {
    pidfd: OwnedFd,
    exit: watch::Receiver<Option<Exit>>,
    killed: Arc<AtomicBool>,
}

impl Process {
    /// Starts QEMU with `arguments`, its output going to `log`.
    async fn spawn(arguments: Vec<String>, log: PathBuf) -> Result<Self> {
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let root = rustix::process::geteuid().is_root();
        let mut command = Command::new("setpriv");
        command
            .args(["--no-new-privs", "--pdeathsig", "KILL"])
            .args(WITHOUT_CAPABILITIES.iter().filter(|_| root))
            .args(["--", qemu::PROGRAM])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let (ended, exit) = watch::channel(None);
        let killed = Arc::new(AtomicBool::new(false));
        let by_us = Arc::clone(&killed);
        let pidfd = child::start(command, move |end| {
            let exit = match end.map(|end| end.status) {
                Ok(status) if status.success() => Exit::PoweredOff,
                Ok(_) if by_us.load(Ordering::Relaxed) => Exit::PoweredOff,
                Ok(status) => Exit::Failed(format!("QEMU: {status}{}", last_words(&log))),
                Err(error) => Exit::Failed(format!("waiting for QEMU: {error}")),
            };
            ended.send_replace(Some(exit));
        })
        .await?;
        Ok(Self {
            pidfd,
            exit,
            killed,
        })
    }

    /// Sends a signal. Nothing happens to a process that is gone: a pidfd is never reused.
    fn signal(&self, signal: Signal) {
        pidfd_send_signal(&self.pidfd, signal).ok();
    }

    async fn wait(&self) -> Exit {
        ended(&self.exit).await
    }
}

/// A start that did not succeed leaves nothing behind.
impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

async fn start(
    machine: &Machine,
    accelerator: Accelerator,
    connect_command: &[String],
) -> Result<Run> {
    std::fs::create_dir_all(&machine.dir)
        .with_context(|| format!("creating {}", machine.dir.display()))?;
    if machine.uefi {
        qemu::prepare_uefi(&machine.dir)?;
    }
    // QEMU dials in to us, so that there is no time at which its socket is not yet there.
    let socket = qemu::qmp_socket(&machine.dir);
    let listener = listen(&socket)?;
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
    std::fs::remove_file(&socket).ok();
    Ok(Run {
        qmp: Arc::new(Mutex::new(qmp)),
        process: Arc::new(process),
        accelerator,
        why: None,
        log,
    })
}

fn listen(socket: &Path) -> Result<UnixListener> {
    std::fs::remove_file(socket).ok();
    UnixListener::bind(socket).with_context(|| {
        format!(
            "listening on {} (at most 107 bytes: use a shorter directory)",
            socket.display()
        )
    })
}

/// The end of QEMU's output, where it says why it failed.
fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .rev()
        .find(|line| !line.is_empty())
        .map_or_else(String::new, |line| {
            let hint = if line.contains("Permission denied") {
                "; QEMU has not root's powers, so the engine's directory and those above it must be \
                 open to this user by their modes (CLAWBAKE_ENGINE names another)"
            } else {
                ""
            };
            format!(": {line}{hint}")
        })
}

#[cfg(test)]
mod tests;
