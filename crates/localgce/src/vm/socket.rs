use std::path::Path;

use anyhow::{Context, Result};
use tokio::net::UnixListener;

/// Listens where QEMU dials in, so that there is no time at which its socket is not yet there.
pub(super) fn listen(socket: &Path) -> Result<UnixListener> {
    std::fs::remove_file(socket).ok();
    UnixListener::bind(socket).with_context(|| {
        format!(
            "listening on {} (at most 107 bytes: use a shorter directory)",
            socket.display()
        )
    })
}
