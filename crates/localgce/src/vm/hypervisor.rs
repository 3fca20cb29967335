//! Starts machines. A machine that does not run under KVM is restarted under emulation.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::watch;

use super::acceleration::{self, Accel, Outlook};
use super::accelerator::{Acceleration, TCG};
use super::connect_command::ConnectCommand;
use super::fallback::{Look, Trouble, Verdict, judge, speaks};
use super::machine::Machine;
use super::process::Exit;
use super::run::Run;
use super::running::Vm;
use super::{distrust, qemu};

/// How long a machine under KVM may run without output: a kernel writes some within a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a machine under KVM is checked.
const POLL: Duration = Duration::from_secs(1);

/// How much output is searched for a machine's first word: firmware writes a few hundred bytes before it.
const FIRST_WORDS: u64 = 64 << 10;

/// Starts machines.
#[derive(Clone, Debug)]
pub struct Hypervisor {
    pub(super) connect_command: Arc<ConnectCommand>,
    pub(super) outlook: watch::Sender<Outlook>,
    /// `None` if the user has chosen an acceleration.
    pub(super) net: Option<Net>,
}

/// How machines under KVM are watched.
#[derive(Clone, Debug)]
pub(super) struct Net {
    /// How long a machine may run without output.
    pub patience: Duration,
    /// How often it is checked.
    pub poll: Duration,
    /// The directory that remembers that KVM failed.
    pub dir: PathBuf,
}

impl Hypervisor {
    /// Finds out how this host runs guests, unless the user has chosen: under KVM only if a test guest ran
    /// under it. `dir` remembers machines that failed under KVM.
    ///
    /// # Errors
    /// When QEMU is not installed, there is no program to carry connections, or KVM is asked for and cannot be opened.
    pub async fn detect(accel: Accel, dir: &Path, connect_command: Vec<String>) -> Result<Self> {
        let connect_command = Arc::new(ConnectCommand::open(connect_command)?);
        let outlook = acceleration::detect(accel, dir, connect_command.words()).await?;
        let net = Net {
            patience: PATIENCE,
            poll: POLL,
            dir: dir.to_owned(),
        };
        Ok(Self {
            connect_command,
            outlook: watch::Sender::new(outlook),
            net: (accel == Accel::Auto).then_some(net),
        })
    }

    /// How guests are run from now on, and why not under KVM if that was wanted.
    #[must_use]
    pub fn acceleration(&self) -> (Acceleration, Option<String>) {
        let outlook = self.outlook.borrow();
        (outlook.accelerator.acceleration, outlook.why.clone())
    }

    /// Waits until guests are emulated.
    pub async fn emulates(&self) {
        let mut outlook = self.outlook.subscribe();
        let emulates = |outlook: &Outlook| outlook.accelerator.acceleration == Acceleration::Tcg;
        outlook.wait_for(emulates).await.ok();
    }

    /// Starts a machine, and returns when QEMU runs it.
    ///
    /// # Errors
    /// When QEMU refuses: no memory, a port or a disk in use, ...; its own words are in the error.
    pub async fn start(&self, machine: &Machine) -> Result<Vm> {
        let accelerator = self.outlook.borrow().accelerator;
        let spoken = serial_length(machine);
        let run = Run::start(machine, accelerator, self.connect_command.words())
            .await
            .with_context(|| format!("starting the virtual machine of {}", machine.name))?;
        let (runs, current) = watch::channel(run.clone());
        let (ended, exit) = watch::channel(None);
        let vm = Vm {
            current,
            exit,
            killed: Arc::new(AtomicBool::new(false)),
        };
        let (hypervisor, machine, killed) = (self.clone(), machine.clone(), Arc::clone(&vm.killed));
        tokio::spawn(async move {
            let exit = hypervisor.care(&machine, run, spoken, &runs, &killed).await;
            ended.send_replace(Some(exit));
        });
        Ok(vm)
    }

    /// Watches a machine until it ends.
    async fn care(
        &self,
        machine: &Machine,
        run: Run,
        spoken: u64,
        runs: &watch::Sender<Run>,
        killed: &AtomicBool,
    ) -> Exit {
        let under_kvm = run.accelerator.acceleration == Acceleration::Kvm;
        let Some(net) = self.net.as_ref().filter(|_| under_kvm) else {
            return run.process.wait().await;
        };
        let trouble = tokio::select! {
            exit = run.process.wait() => return exit,
            trouble = net.watch(machine, &run, spoken) => trouble,
        };
        run.kill().await;
        if killed.load(Ordering::Relaxed) {
            return Exit::PoweredOff;
        }
        crate::log::line(format_args!(
            "the machine of {} does not run under KVM ({trouble}), so it is restarted under emulation",
            machine.name
        ));
        let spoken = serial_length(machine);
        let mut run = match Run::start(machine, TCG, self.connect_command.words()).await {
            Ok(run) => run,
            Err(error) => return Exit::Failed(format!("restarting it under emulation: {error:#}")),
        };
        run.why = Some(trouble.to_string());
        runs.send_replace(run.clone());
        if killed.load(Ordering::Relaxed) {
            run.kill().await;
        }
        if matches!(trouble, Trouble::Silence(_)) {
            let ended = tokio::select! {
                _ = run.process.wait() => true,
                () = net.word(machine, spoken) => false,
            };
            if ended && !speaks(&said(machine, spoken)) {
                return run.process.wait().await;
            }
        }
        self.distrust(net, machine, &trouble);
        run.process.wait().await
    }

    /// Stops using KVM until the host reboots.
    fn distrust(&self, net: &Net, machine: &Machine, trouble: &Trouble) {
        let why = format!("{} did not run under KVM: {trouble}", machine.name);
        if let Err(error) = distrust::write(&net.dir, &why) {
            crate::log::line(format_args!("remembering that KVM fails: {error:#}"));
        }
        self.outlook.send_replace(Outlook::emulated(Some(why)));
    }
}

impl Net {
    /// Waits until a machine is in trouble.
    async fn watch(&self, machine: &Machine, run: &Run, spoken: u64) -> Trouble {
        let start = Instant::now();
        let mut lives = false;
        loop {
            tokio::time::sleep(self.poll).await;
            if let Some(words) = run.internal_error().await {
                return Trouble::InternalError(words);
            }
            if !lives {
                let look = Look {
                    age: start.elapsed(),
                    serial: &said(machine, spoken),
                    written: run.written().await,
                };
                match judge(&look, self.patience) {
                    Verdict::Wait => {}
                    Verdict::Lives => lives = true,
                    Verdict::Silent => return Trouble::Silence(self.patience),
                }
            }
        }
    }

    /// Waits for a machine's first output.
    async fn word(&self, machine: &Machine, spoken: u64) {
        while !speaks(&said(machine, spoken)) {
            tokio::time::sleep(self.poll).await;
        }
    }
}

/// The length of a machine's serial output so far.
fn serial_length(machine: &Machine) -> u64 {
    let log = std::fs::metadata(qemu::serial_log(&machine.dir));
    log.map_or(0, |log| log.len())
}

/// Its serial output since then.
fn said(machine: &Machine, spoken: u64) -> Vec<u8> {
    let read = || -> std::io::Result<_> {
        let mut log = File::open(qemu::serial_log(&machine.dir))?;
        log.seek(SeekFrom::Start(spoken))?;
        let mut said = Vec::new();
        log.take(FIRST_WORDS).read_to_end(&mut said)?;
        Ok(said)
    };
    read().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
