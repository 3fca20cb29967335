use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::vm::Accel;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept. One engine at a time.
    pub dir: PathBuf,
    /// Where public images are kept once they are made, for all engines of this machine. May be
    /// deleted at any time.
    pub cache: PathBuf,
    /// A loopback address; with port 0, any that is free.
    pub listen: SocketAddr,
    /// The program that QEMU starts, with a socket's path behind it, to carry a guest's connection
    /// to that socket: something that calls [`crate::connect`]. Its first word is an absolute path.
    pub connect_command: Vec<String>,
    /// How long a guest gets to power itself off before its plug is pulled. By default 90 s, as on
    /// Google, and 5 min where guests are emulated.
    pub power_off: Option<Duration>,
    /// How guests are run, as far as this host can.
    pub accel: Accel,
}
