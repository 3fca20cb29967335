//! Tests whether guests run under an accelerator, with a guest (`probe.s`) that does what an operating
//! system does while it boots.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::accelerator::Accelerator;
use super::machine::{Drive, Machine};
use super::process::Exit;
use super::run::Run;
use super::{disk, qemu};

/// Under a working KVM the guest takes a fraction of a second with BIOS, and a second or two with UEFI; under
/// emulation 0.3 and 5 s. Under a KVM that only seems to work it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often QEMU is asked whether it has stopped the guest.
const POLL: Duration = Duration::from_millis(50);

/// The guest's output after each step, and what has failed if it is missing.
const STEPS: [(&str, &str); 5] = [
    ("probe: long mode\n", "long mode with paging"),
    ("probe: SSE\n", "an SSE instruction"),
    ("probe: VEX\n", "a VEX-encoded instruction"),
    ("probe: timer\n", "a timer interrupt"),
    (LAST, "a second processor"),
];

/// The guest's last output before it powers off.
pub(super) const LAST: &str = "probe: second processor\n";

/// `probe.s`, assembled: the beginning of a disk.
const IMAGE: &[u8] = include_bytes!("probe.img");

/// Runs the guest like any machine, with both firmwares at once.
pub(super) async fn run(accelerator: Accelerator, connect_command: &[String]) -> Result<()> {
    let bios = attempt(false, accelerator, connect_command, PATIENCE);
    if !qemu::has_uefi() {
        // Then no machine uses UEFI.
        return bios.await;
    }
    let uefi = attempt(true, accelerator, connect_command, PATIENCE);
    tokio::try_join!(bios, uefi).map(drop)
}

async fn attempt(
    uefi: bool,
    accelerator: Accelerator,
    connect_command: &[String],
    patience: Duration,
) -> Result<()> {
    let dir = tempfile::tempdir().context("creating a temporary directory")?;
    let mut machine = machine(dir.path(), IMAGE).await?;
    machine.uefi = uefi;
    let run = Run::start(&machine, accelerator, connect_command).await?;
    let end = tokio::select! {
        exit = run.process.wait() => match exit {
            Exit::PoweredOff => "it powered itself off".into(),
            Exit::Failed(reason) => reason,
        },
        error = stopped(&run) => error,
        () = tokio::time::sleep(patience) => "it hangs".into(),
    };
    let said = std::fs::read_to_string(qemu::serial_log(dir.path())).unwrap_or_default();
    match failed_step(&said, uefi) {
        None => Ok(()),
        Some(step) => bail!("a guest did not get past {step}: {end}"),
    }
}

/// Waits until QEMU stops the guest, and returns its message.
async fn stopped(run: &Run) -> String {
    loop {
        if let Some(error) = run.internal_error().await {
            return error;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The step that the guest does not report, if any.
fn failed_step(said: &str, uefi: bool) -> Option<&'static str> {
    let failed = STEPS.iter().position(|(word, _)| !said.contains(word))?;
    Some(match failed {
        0 if uefi => "UEFI's firmware",
        step => STEPS[step].1,
    })
}

/// A machine of the usual shape that boots from `image`.
pub(super) async fn machine(dir: &Path, image: &[u8]) -> Result<Machine> {
    // SeaBIOS boots from no disk that is smaller than a cylinder.
    let mut disk = image.to_vec();
    disk.resize(1 << 20, 0);
    let raw = dir.join("boot.raw");
    std::fs::write(&raw, disk).context("writing a boot disk")?;
    let path = dir.join("boot.qcow2");
    disk::convert("raw", &raw, &path).await?;
    Ok(Machine {
        id: 1,
        name: "probe".into(),
        cpus: 2,
        memory_mib: 512,
        drives: vec![Drive {
            device_name: "boot".into(),
            path,
            boot: true,
        }],
        forwards: Vec::new(),
        dir: dir.to_owned(),
        uefi: false,
    })
}

/// A machine that reports its steps and powers itself off.
#[cfg(test)]
pub(super) async fn probing_machine(dir: &Path) -> Machine {
    machine(dir, IMAGE).await.expect("a machine")
}

#[cfg(test)]
mod tests;
