//! What a machine consists of.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A machine to start.
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
