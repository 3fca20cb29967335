//! QEMU's command line. It makes the machine look like Compute Engine's to stock cloud-init and
//! google-guest-agent: SMBIOS, disk names, the address of the metadata server.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::accelerator::{Acceleration, Accelerator};
use super::machine::{Drive, Machine};
use super::network;
use super::network::addresses::{GATEWAY, INTERNAL_ADDRESS, RESOLVER, SERVERS};

pub(super) const PROGRAM: &str = "qemu-system-x86_64";

/// The network card's address, made of [`INTERNAL_ADDRESS`] as Google makes it. The guest agent
/// finds the card by this, so the metadata must have it too.
pub const MAC_ADDRESS: &str = "42:01:a9:fe:0a:0f";

/// The sockets of [`SERVERS`].
const SERVER_SOCKETS: [&str; 2] = ["metadata.sock", "api.sock"];

/// OVMF's code, and the template of the variables that each machine has for itself (Debian's
/// package ovmf).
const UEFI_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const UEFI_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

pub(super) fn qmp_socket(dir: &Path) -> PathBuf {
    dir.join("qmp.sock")
}

pub(super) fn serial_log(dir: &Path) -> PathBuf {
    dir.join("serial.log")
}

/// QEMU's id of a drive, by the drive's number.
pub(super) fn drive_id(index: usize) -> String {
    format!("drive{index}")
}

fn uefi_variables(dir: &Path) -> PathBuf {
    dir.join("uefi-variables.fd")
}

/// Whether machines can boot by UEFI here.
pub(super) fn has_uefi() -> bool {
    Path::new(UEFI_CODE).exists()
}

/// Creates the machine's own UEFI variables unless they exist.
pub(super) fn prepare_uefi(dir: &Path) -> Result<()> {
    let variables = uefi_variables(dir);
    if !variables.exists() {
        // Do not copy the mode: only the owner may read a guest's variables.
        std::fs::read(UEFI_VARIABLES)
            .and_then(|template| std::fs::write(&variables, template))
            .with_context(|| format!("copying {UEFI_VARIABLES} (Debian: install ovmf)"))?;
    }
    Ok(())
}

/// The arguments for [`PROGRAM`]. `connect_command`, with a socket's path appended, carries one connection
/// of the guest to that socket.
pub(super) fn command_line(
    machine: &Machine,
    accelerator: Accelerator,
    connect_command: &[String],
) -> Vec<String> {
    let dir = &machine.dir;
    let mut options: Vec<(&str, String)> =
        vec![
        ("-name", escape(&machine.name)),
        ("-machine", "q35".into()),
        ("-accel", accelerator.accel.into()),
        ("-cpu", accelerator.cpu.into()),
        ("-smp", machine.cpus.to_string()),
        ("-m", format!("{}M", machine.memory_mib)),
        ("-smbios", smbios(machine.id)),
        (
            "-chardev",
            format!("file,id=serial0,append=on,path={}", file(&serial_log(dir))),
        ),
        ("-serial", "chardev:serial0".into()),
        (
            "-chardev",
            format!("socket,id=qmp,path={}", file(&qmp_socket(dir))),
        ),
        ("-mon", "chardev=qmp,mode=control".into()),
        ("-object", "rng-builtin,id=rng0".into()),
        ("-device", "virtio-rng-pci,rng=rng0".into()),
        ("-netdev", netdev(machine, connect_command)),
        (
            "-chardev",
            format!("socket,id=from-guest,path={}", file(&network::from_guest(dir))),
        ),
        (
            "-chardev",
            format!("socket,id=to-network,path={}", file(&network::to_network(dir))),
        ),
        // `rx` is what the network receives.
        (
            "-object",
            "filter-redirector,id=filter0,netdev=net0,queue=rx,outdev=from-guest,indev=to-network"
                .into(),
        ),
        // No ROM: nothing is booted from this network.
        (
            "-device",
            format!("virtio-net-pci,netdev=net0,mac={MAC_ADDRESS},romfile="),
        ),
        ("-device", "virtio-scsi-pci,id=scsi0".into()),
    ];
    for (index, drive) in machine.drives.iter().enumerate() {
        let id = drive_id(index);
        options.push(("-drive", backend(&id, &drive.path)));
        options.push(("-device", disk(&id, drive)));
    }
    if machine.uefi {
        let pflash = "if=pflash,format=raw";
        options.push((
            "-drive",
            format!("{pflash},unit=0,readonly=on,file={UEFI_CODE}"),
        ));
        let variables = file(&uefi_variables(dir));
        options.push(("-drive", format!("{pflash},unit=1,file={variables}")));
    }
    // Each connection to the servers is a process in its own session, so `spawn` stays allowed, and so
    // does `elevateprivileges`, because denying it also forbids setsid.
    let sandbox = "on,obsolete=deny,resourcecontrol=deny";
    options.push(("-sandbox", sandbox.into()));

    let mut flags = vec!["-no-user-config", "-nodefaults", "-display", "none"];
    if accelerator.acceleration == Acceleration::Halted {
        flags.push("-S");
    }
    let options = options
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value]);
    let flags = flags.into_iter().map(String::from);
    flags.chain(options).collect()
}

fn smbios(id: u64) -> String {
    format!("type=1,manufacturer=Google,product=Google Compute Engine,serial=GoogleCloud-{id}")
}

fn netdev(machine: &Machine, connect_command: &[String]) -> String {
    let mut netdev = format!(
        "user,id=net0,ipv6=off,net=169.254.0.0/16,dhcpstart={INTERNAL_ADDRESS},\
         host={GATEWAY},dns={RESOLVER}"
    );
    for (address, socket) in SERVERS.iter().zip(SERVER_SOCKETS) {
        let socket = machine.dir.join(socket).display().to_string();
        // libslirp splits the command as a shell does.
        let words = connect_command
            .iter()
            .chain([&socket])
            .map(|word| quote(word));
        let command = escape(&words.collect::<Vec<_>>().join(" "));
        write!(netdev, ",guestfwd=tcp:{address}:80-cmd:{command}").ok();
    }
    for forward in &machine.forwards {
        let (host, port) = (forward.host, forward.guest_port);
        write!(netdev, ",hostfwd=tcp:{host}-{INTERNAL_ADDRESS}:{port}").ok();
    }
    netdev
}

fn backend(id: &str, path: &Path) -> String {
    format!(
        "if=none,id={id},format=qcow2,discard=unmap,file={}",
        file(path)
    )
}

fn disk(id: &str, drive: &Drive) -> String {
    let name = escape(&drive.device_name);
    let boot = if drive.boot { ",bootindex=0" } else { "" };
    format!(
        "scsi-hd,drive={id},bus=scsi0.0,vendor=Google,product=PersistentDisk,serial={name},\
         device_id={name}{boot}"
    )
}

fn file(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// A comma in a value is doubled.
fn escape(value: &str) -> String {
    value.replace(',', ",,")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::accelerator::{HALTED, TCG};
    use crate::vm::machine::Forward;

    fn machine() -> Machine {
        Machine {
            id: 42,
            name: "gateway".into(),
            cpus: 2,
            memory_mib: 2048,
            drives: vec![
                Drive {
                    device_name: "boot".into(),
                    path: "/d/1.qcow2".into(),
                    boot: true,
                },
                Drive {
                    device_name: "state".into(),
                    path: "/d/a,b.qcow2".into(),
                    boot: false,
                },
            ],
            forwards: vec![Forward {
                host: ([127, 18, 0, 2], 18789).into(),
                guest_port: 18789,
            }],
            dir: "/vms/o'ne, two".into(),
            uefi: true,
        }
    }

    /// One option and its value per line.
    fn lines(arguments: &[String]) -> String {
        arguments.join(" ").replace(" -", "\n-")
    }

    #[test]
    fn a_halted_machine_starts_without_its_cpus() {
        let runs = |accelerator| !command_line(&machine(), accelerator, &[]).contains(&"-S".into());
        assert_eq!([TCG, HALTED].map(runs), [true, false]);
    }

    #[test]
    fn the_command_line() {
        let connect = ["/bin/clawbake".into(), "engine".into(), "connect".into()];
        let arguments = command_line(&machine(), TCG, &connect);
        insta::assert_snapshot!(lines(&arguments), @r"
        -no-user-config
        -nodefaults
        -display none
        -name gateway
        -machine q35
        -accel tcg,thread=multi,tb-size=1024
        -cpu max,-erms,-fsrm,-la57,-smap,-smep,-umip,-pku,-pks
        -smp 2
        -m 2048M
        -smbios type=1,manufacturer=Google,product=Google Compute Engine,serial=GoogleCloud-42
        -chardev file,id=serial0,append=on,path=/vms/o'ne,, two/serial.log
        -serial chardev:serial0
        -chardev socket,id=qmp,path=/vms/o'ne,, two/qmp.sock
        -mon chardev=qmp,mode=control
        -object rng-builtin,id=rng0
        -device virtio-rng-pci,rng=rng0
        -netdev user,id=net0,ipv6=off,net=169.254.0.0/16,dhcpstart=169.254.10.15,host=169.254.10.2,dns=169.254.10.3,guestfwd=tcp:169.254.169.254:80-cmd:/bin/clawbake engine connect '/vms/o'\''ne,, two/metadata.sock',guestfwd=tcp:169.254.169.253:80-cmd:/bin/clawbake engine connect '/vms/o'\''ne,, two/api.sock',hostfwd=tcp:127.18.0.2:18789-169.254.10.15:18789
        -chardev socket,id=from-guest,path=/vms/o'ne,, two/guest.sock
        -chardev socket,id=to-network,path=/vms/o'ne,, two/network.sock
        -object filter-redirector,id=filter0,netdev=net0,queue=rx,outdev=from-guest,indev=to-network
        -device virtio-net-pci,netdev=net0,mac=42:01:a9:fe:0a:0f,romfile=
        -device virtio-scsi-pci,id=scsi0
        -drive if=none,id=drive0,format=qcow2,discard=unmap,file=/d/1.qcow2
        -device scsi-hd,drive=drive0,bus=scsi0.0,vendor=Google,product=PersistentDisk,serial=boot,device_id=boot,bootindex=0
        -drive if=none,id=drive1,format=qcow2,discard=unmap,file=/d/a,,b.qcow2
        -device scsi-hd,drive=drive1,bus=scsi0.0,vendor=Google,product=PersistentDisk,serial=state,device_id=state
        -drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd
        -drive if=pflash,format=raw,unit=1,file=/vms/o'ne,, two/uefi-variables.fd
        -sandbox on,obsolete=deny,resourcecontrol=deny
        ");
    }
}
