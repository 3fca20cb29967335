//! One connection of a guest, carried between QEMU and a server's unix socket.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many connections a guest has to its servers at a time, each of them a process on this host.
/// A guest at work has a handful: its agent's long polls, cloud-init, an upload.
const MOST: usize = 64;

/// A connection on which nothing moves is given up after this and before twice this time; Google's
/// network forgets one after 10 minutes. A guest that was reset leaves its own behind.
const IDLE: Duration = Duration::from_mins(10);

/// Carries what comes on stdin, which is a socket, to a server's socket and back, until the server has
/// closed the connection. When the guest closes its side the server is told.
///
/// Of the connections to the servers in one directory only so many are carried; one more is closed at
/// once.
///
/// # Errors
/// When nobody listens on the socket, or either side breaks off.
pub fn connect(socket: &Path) -> io::Result<()> {
    let Some(_place) = place(socket)? else {
        return Ok(());
    };
    let guest = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    carry(guest, UnixStream::connect(socket)?, IDLE)
}

/// One of the [`MOST`] places beside the socket, which is free again when this process ends.
fn place(socket: &Path) -> io::Result<Option<File>> {
    for number in 0..MOST {
        let path = socket.with_file_name(format!("connection-{number}.lock"));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        if file.try_lock().is_ok() {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn carry(mut guest: UnixStream, mut server: UnixStream, idle: Duration) -> io::Result<()> {
    // A side that takes nothing is idle too.
    guest.set_write_timeout(Some(idle))?;
    server.set_write_timeout(Some(idle))?;
    server.set_read_timeout(Some(idle))?;
    let heard = Arc::new(AtomicBool::new(false));
    let (mut from_guest, mut to_server) = (guest.try_clone()?, server.try_clone()?);
    let guest_spoke = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut buffer = [0; 1 << 14];
        while let Ok(length @ 1..) = from_guest.read(&mut buffer) {
            guest_spoke.store(true, Ordering::Relaxed);
            if to_server.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        to_server.shutdown(Shutdown::Write).ok();
    });
    let mut buffer = [0; 1 << 14];
    loop {
        match server.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => guest.write_all(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !heard.swap(false, Ordering::Relaxed) {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_ends_and_a_busy_one_does_not() {
        let idle = Duration::from_millis(200);
        for busy in [false, true] {
            let (guest, mut outer_guest) = UnixStream::pair().unwrap();
            let (server, mut outer_server) = UnixStream::pair().unwrap();
            let carried = std::thread::spawn(move || carry(guest, server, idle));
            for _ in 0..10 {
                std::thread::sleep(idle / 2);
                if busy {
                    outer_guest.write_all(b"x").unwrap();
                    outer_server.read_exact(&mut [0]).unwrap();
                }
            }
            assert_eq!(carried.is_finished(), !busy);
            outer_server.shutdown(Shutdown::Both).unwrap();
            carried.join().unwrap().unwrap();
        }
    }
}
