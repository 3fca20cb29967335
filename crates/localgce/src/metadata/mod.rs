//! The metadata server of one machine, as guests find it at `metadata.google.internal`.
//!
//! What it answers is <https://cloud.google.com/compute/docs/metadata/querying-metadata>.

#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod guest;
mod handlers;
#[cfg(test)]
mod tests;
mod tree;

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use crate::connections;
pub use guest::{AccessToken, Guest, Refusal};

/// A guest's own programs need a handful at once, most of them waiting for a change.
const CONNECTIONS: usize = 64;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct MetadataServer {
    task: JoinHandle<()>,
}

impl MetadataServer {
    /// Starts serving on a unix socket, replacing an existing one.
    ///
    /// # Errors
    /// When the socket cannot be created; its path may have at most 107 bytes.
    // Async because it needs a runtime.
    #[allow(clippy::unused_async)]
    pub async fn bind(socket: &Path, guest: Arc<dyn Guest>) -> io::Result<Self> {
        std::fs::remove_file(socket).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let listener = UnixListener::bind(socket)?;
        let task = tokio::spawn(async move {
            connections::serve(listener, handlers::router(guest), CONNECTIONS).await;
        });
        Ok(Self { task })
    }
}

impl Drop for MetadataServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
