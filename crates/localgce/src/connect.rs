//! One connection of a guest, carried between QEMU and a server's unix socket.

use std::fs::File;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Copies stdin to the socket and the socket to stdout, until the server has closed the connection.
/// When the guest closes its side the server is told.
///
/// # Errors
/// When nobody listens on the socket, or either side breaks off.
pub fn connect(socket: &Path) -> io::Result<()> {
    // Files, because Rust's own stdout holds data back until a line is complete.
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut server = UnixStream::connect(socket)?;
    let mut to_server = server.try_clone()?;
    std::thread::spawn(move || {
        io::copy(&mut stdin, &mut to_server).ok();
        to_server.shutdown(Shutdown::Write).ok();
    });
    io::copy(&mut server, &mut stdout)?;
    Ok(())
}
