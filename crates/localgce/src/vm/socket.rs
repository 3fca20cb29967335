use std::path::Path;

use anyhow::{Context, Result};
use tokio::net::UnixListener;

/// Listens for a connection from QEMU. QEMU connects to the engine, so that the socket always exists in time.
pub(super) fn listen(socket: &Path) -> Result<UnixListener> {
    std::fs::remove_file(socket).ok();
    UnixListener::bind(socket).with_context(|| {
        format!(
            "listening on {} (at most 107 bytes: use a shorter directory)",
            socket.display()
        )
    })
}
