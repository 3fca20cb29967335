//! How this host runs guests: under KVM if a test guest ran under it, else under emulation.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use tokio::process::Command;

use super::accelerator::{Accelerator, HALTED, KVM, TCG};
use super::{distrust, probe, qemu};

/// Which acceleration the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Accel {
    /// Use KVM where it works, else emulation
    ///
    /// A machine that does not run under KVM is restarted under emulation.
    #[default]
    Auto,
    /// Use KVM even where it fails its probe
    ///
    /// A failed probe is a warning, and no machine is ever restarted under emulation.
    Kvm,
    /// Use emulation
    Tcg,
    /// Do not run them
    ///
    /// A machine has power, disks and metadata, and its CPUs stand still: for tests of what surrounds a VM.
    Halted,
}

/// As on the command line.
impl fmt::Display for Accel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
            Self::Halted => "halted",
        })
    }
}

/// How guests are run from now on.
#[derive(Clone, Debug)]
pub(super) struct Outlook {
    pub accelerator: Accelerator,
    /// Why not under KVM, if KVM was wanted.
    pub why: Option<String>,
}

impl Outlook {
    pub(super) fn kvm() -> Self {
        Self {
            accelerator: KVM,
            why: None,
        }
    }

    pub(super) fn halted() -> Self {
        Self {
            accelerator: HALTED,
            why: None,
        }
    }

    pub(super) fn emulated(why: Option<String>) -> Self {
        Self {
            accelerator: TCG,
            why,
        }
    }
}

/// Decides how to run guests, and logs why not under KVM. `dir` remembers whether machines failed under KVM
/// since this host booted.
///
/// # Errors
/// When QEMU is not installed, or KVM is asked for and cannot be opened.
pub(super) async fn detect(
    accel: Accel,
    dir: &Path,
    connect_command: &[String],
) -> Result<Outlook> {
    let version = Command::new(qemu::PROGRAM).arg("--version").output().await;
    ensure!(
        version.is_ok_and(|output| output.status.success()),
        "{} does not run: install QEMU (Debian: qemu-system-x86 and qemu-utils)",
        qemu::PROGRAM
    );
    match accel {
        Accel::Tcg => return Ok(Outlook::emulated(None)),
        Accel::Halted => return Ok(Outlook::halted()),
        Accel::Auto | Accel::Kvm => {}
    }
    let opened = open(Path::new("/dev/kvm"));
    if accel == Accel::Kvm {
        opened.context("KVM is asked for")?;
        if let Err(error) = probe::run(KVM, connect_command).await {
            crate::log::line(format_args!(
                "warning: KVM is asked for and used, but fails its probe: {error:#}"
            ));
        }
        return Ok(Outlook::kvm());
    }
    let tried = match (opened, distrust::read(dir)) {
        (Err(error), _) => Err(error),
        (Ok(()), Some(why)) => Err(anyhow!(why)),
        (Ok(()), None) => probe::run(KVM, connect_command).await,
    };
    Ok(match tried {
        Ok(()) => Outlook::kvm(),
        Err(error) => {
            crate::log::line(format_args!(
                "no KVM, so guests are emulated, which is slow: {error:#}"
            ));
            Outlook::emulated(Some(format!("{error:#}")))
        }
    })
}

/// Whether this process may use KVM at all.
pub(super) fn open(device: &Path) -> Result<()> {
    let opened = std::fs::File::options().read(true).write(true).open(device);
    opened
        .map(drop)
        .map_err(|error| anyhow!(lacking(device, &error)))
}

/// Why a process cannot open a device, and how to fix it.
fn lacking(device: &Path, error: &io::Error) -> String {
    let device = device.display();
    match error.kind() {
        ErrorKind::NotFound => format!(
            "there is no {device}: the processor's virtualization is off in the firmware, or this \
             is a virtual machine without it"
        ),
        ErrorKind::PermissionDenied => format!(
            "{device} is there, but not for this user: `sudo usermod -aG kvm $USER`, and log in \
             again (in a container, pass the device in)"
        ),
        _ => format!("opening {device}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_without_permission_is_said_as_such() {
        let lacking = |kind: ErrorKind| lacking(Path::new("/dev/kvm"), &kind.into());
        let denied = lacking(ErrorKind::PermissionDenied);
        assert!(denied.contains("usermod -aG kvm"), "{denied}");
        let missing = lacking(ErrorKind::NotFound);
        assert!(missing.starts_with("there is no /dev/kvm"), "{missing}");
    }
}
