//! The engine as a program of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use localgce::Accel;

/// Compute Engine, Secret Manager and Cloud Storage on this machine, with real VMs
#[derive(Parser)]
#[command(version)]
enum Arguments {
    /// Serve until SIGTERM
    Serve {
        /// Keep everything in DIR, and the address in its endpoint.json
        #[arg(long)]
        dir: PathBuf,
        /// Keep public images in CACHE [default: a directory in DIR]
        #[arg(long)]
        cache: Option<PathBuf>,
        /// Listen on this loopback address; port 0 is any free port
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Wait SECONDS for a guest to power off [default: 90, or 300 for emulated guests]
        #[arg(long, value_name = "SECONDS")]
        power_off: Option<u64>,
        /// Choose how guests run
        #[arg(long, env = "CLAWBAKE_ACCEL", value_enum, default_value_t)]
        accel: Accel,
    },
    /// Join stdin and stdout to a unix socket, for QEMU
    Connect {
        /// Path of the socket
        socket: PathBuf,
    },
}

fn main() -> Result<()> {
    match Arguments::parse() {
        Arguments::Serve {
            dir,
            cache,
            listen,
            power_off,
            accel,
        } => {
            let cache = cache.unwrap_or_else(|| dir.join("cache"));
            let power_off = power_off.map(Duration::from_secs);
            serve(dir, cache, listen, power_off, accel)
        }
        Arguments::Connect { socket } => localgce::connect(&socket)
            .with_context(|| format!("carrying a connection to {}", socket.display())),
    }
}

#[tokio::main]
async fn serve(
    dir: PathBuf,
    cache: PathBuf,
    listen: SocketAddr,
    power_off: Option<Duration>,
    accel: Accel,
) -> Result<()> {
    let program = std::env::current_exe().context("finding this program")?;
    let program = program.into_os_string().into_string().ok();
    let program = program.context("this program's path is not UTF-8; move it")?;
    let connect_command = vec![program, "connect".into()];
    localgce::serve(localgce::Config {
        dir,
        cache,
        listen,
        connect_command,
        power_off,
        accel,
    })
    .await
}
