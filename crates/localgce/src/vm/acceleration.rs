//! Whether this host's KVM can run a guest, found out by running one.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use super::{Drive, Exit, Machine, disk, qemu};

/// How QEMU runs a guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceleration {
    /// On the CPU itself, by the Linux kernel.
    Kvm,
    /// Translated: works everywhere, many times slower.
    Tcg,
}

impl fmt::Display for Acceleration {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// The probe is through in well under a second where KVM works; where it only seems to, the guest
/// hangs for good.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the probe's guest writes to its serial port.
pub(super) const MESSAGE: &str = "a guest runs";

/// Tries KVM, else TCG; says on stderr why.
pub(super) async fn detect(connect_command: &[String]) -> Result<Acceleration> {
    let version = Command::new(qemu::PROGRAM).arg("--version").output().await;
    ensure!(
        version.is_ok_and(|output| output.status.success()),
        "{} does not run: install QEMU (Debian: qemu-system-x86 and qemu-utils)",
        qemu::PROGRAM
    );
    Ok(match probe(Acceleration::Kvm, connect_command).await {
        Ok(()) => Acceleration::Kvm,
        Err(error) => {
            crate::log::line(format_args!(
                "no KVM, so guests are emulated, which is slow: {error:#}"
            ));
            Acceleration::Tcg
        }
    })
}

/// Runs [`boot_sector`] the way every machine is run.
async fn probe(acceleration: Acceleration, connect_command: &[String]) -> Result<()> {
    if acceleration == Acceleration::Kvm {
        let device = Path::new("/dev/kvm");
        std::fs::File::options()
            .read(true)
            .write(true)
            .open(device)
            .context("opening /dev/kvm")?;
    }
    let dir = tempfile::tempdir().context("creating a temporary directory")?;
    let machine = tiny_machine(dir.path()).await?;
    let run = async {
        let vm = super::start(&machine, acceleration, connect_command).await?;
        Ok::<_, anyhow::Error>(vm.wait().await)
    };
    match tokio::time::timeout(PATIENCE, run).await {
        Err(_) => bail!("a guest of 512 bytes hangs"),
        Ok(Err(error)) => Err(error),
        Ok(Ok(Exit::Failed(reason))) => bail!("{reason}"),
        Ok(Ok(Exit::PoweredOff)) => {
            let said = std::fs::read_to_string(qemu::serial_log(dir.path())).unwrap_or_default();
            ensure!(
                said.contains(MESSAGE),
                "a guest of 512 bytes ended without a word"
            );
            Ok(())
        }
    }
}

/// A machine that says [`MESSAGE`] and powers itself off.
pub(super) async fn tiny_machine(dir: &Path) -> Result<Machine> {
    let raw = dir.join("boot.raw");
    std::fs::write(&raw, disk_image()).context("writing a boot disk")?;
    let path = dir.join("boot.qcow2");
    disk::convert("raw", &raw, &path).await?;
    Ok(Machine {
        id: 1,
        name: "probe".into(),
        cpus: 1,
        memory_mib: 64,
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

/// The boot sector's code, assembled by hand for 0x7c00 in real mode.
#[rustfmt::skip]
const CODE: [u8; 29] = [
    0x31, 0xc0,       //       xor ax, ax
    0x8e, 0xd8,       //       mov ds, ax
    0xbe, 0x1d, 0x7c, //       mov si, message
    0xfc,             //       cld
    0xac,             // next: lodsb
    0x84, 0xc0,       //       test al, al
    0x74, 0x06,       //       jz off
    0xba, 0xf8, 0x03, //       mov dx, 0x3f8       ; the first serial port
    0xee,             //       out dx, al
    0xeb, 0xf5,       //       jmp next
    0xba, 0x04, 0x06, // off:  mov dx, 0x604       ; q35's PM1a control register
    0xb8, 0x00, 0x20, //       mov ax, 0x2000      ; sleep enable, type S5
    0xef,             //       out dx, ax
    0xf4,             // halt: hlt
    0xeb, 0xfd,       //       jmp halt
];

/// A disk of 1 MiB, because SeaBIOS boots from none that is smaller than a cylinder.
fn disk_image() -> Vec<u8> {
    let mut disk = vec![0; 1 << 20];
    disk[..CODE.len()].copy_from_slice(&CODE);
    disk[CODE.len()..CODE.len() + MESSAGE.len()].copy_from_slice(MESSAGE.as_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_detected_runs_guests() {
        let connect = ["/bin/true".into()];
        let acceleration = detect(&connect).await.expect("QEMU is installed");
        probe(acceleration, &connect).await.expect("the guest runs");
    }
}
