//! A guest's network: QEMU's user network (libslirp), and in front of it a filter.
//!
//! ```text
//!         every frame             what may pass
//! guest ──────────────▶ filter ──────────────────▶ libslirp ──▶ servers, resolver, the way out
//!   ▲                                                  │
//!   └──────────────────────────────────────────────────┘
//! ```
//!
//! libslirp alone gives a guest the host's loopback at [`addresses::GATEWAY`], and all else that the host's own
//! processes reach. QEMU's `filter-redirector` hands the guest's frames to the engine and takes back
//! what may pass; while nobody takes them, nothing passes.

pub(super) mod addresses;
mod host;
mod verdict;

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use anyhow::{Context, Result};
use tokio::net::UnixListener;

use super::socket;
use host::Inside;
use verdict::{Verdict, judge};

/// The longest frame that QEMU hands over (`NET_BUFSIZE`).
const LONGEST: u32 = 4096 + 65536;

/// How many frames may wait for libslirp. More are dropped, as on any network; TCP keeps fewer in flight.
const QUEUE: usize = 1024;

pub(super) fn from_guest(dir: &Path) -> PathBuf {
    dir.join("guest.sock")
}

pub(super) fn to_network(dir: &Path) -> PathBuf {
    dir.join("network.sock")
}

/// The sockets that QEMU connects to.
pub(super) struct Listener {
    from_guest: UnixListener,
    to_network: UnixListener,
}

impl Listener {
    pub(super) fn new(dir: &Path) -> Result<Self> {
        Ok(Self {
            from_guest: socket::listen(&from_guest(dir))?,
            to_network: socket::listen(&to_network(dir))?,
        })
    }

    /// Waits for QEMU, and filters what its guest sends until QEMU ends. `served` are the guest's TCP
    /// ports that this host forwards.
    pub(super) async fn filter(&self, served: Vec<u16>) -> Result<()> {
        let guest = accept(&self.from_guest).await?;
        let network = accept(&self.to_network).await?;
        let (sender, receiver) = sync_channel(QUEUE);
        // Separate threads: QEMU blocks until the guest's frames are read.
        thread("frames in", move || read(guest, &served, &sender))?;
        thread("frames out", move || write(network, &receiver))
    }
}

async fn accept(listener: &UnixListener) -> Result<UnixStream> {
    let accepted = async {
        let (stream, _) = listener.accept().await?;
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        // Nobody else may connect.
        if let Some(path) = listener.local_addr()?.as_pathname() {
            std::fs::remove_file(path)?;
        }
        Ok::<_, io::Error>(stream)
    };
    accepted.await.context("waiting for QEMU's network")
}

fn thread(name: &str, work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<()> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            // It ends when QEMU does.
            work().ok();
        })
        .map(drop)
        .context("starting a thread for a guest's network")
}

/// Passes allowed frames on. Never waits for the other side, since QEMU would have to wait too.
fn read(guest: UnixStream, served: &[u16], passed: &SyncSender<Vec<u8>>) -> io::Result<()> {
    let mut guest = BufReader::with_capacity(1 << 16, guest);
    let mut inside = Inside::default();
    loop {
        let mut length = [0; 4];
        guest.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut frame = vec![0; length as usize];
        guest.read_exact(&mut frame)?;
        let allowed = match judge(&frame, served) {
            Verdict::Drop => false,
            Verdict::Pass => true,
            Verdict::Outside(address) => !inside.contains(address),
        };
        if allowed && matches!(passed.try_send(frame), Err(TrySendError::Disconnected(_))) {
            return Ok(());
        }
    }
}

fn write(network: UnixStream, frames: &Receiver<Vec<u8>>) -> io::Result<()> {
    let mut network = BufWriter::with_capacity(1 << 16, network);
    while let Ok(first) = frames.recv() {
        for frame in std::iter::once(first).chain(frames.try_iter()) {
            let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
            network.write_all(&length.to_be_bytes())?;
            network.write_all(&frame)?;
        }
        network.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod attack;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod verdict_tests;
