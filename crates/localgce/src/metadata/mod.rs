//! The metadata server of one machine, as guests find it at `metadata.google.internal`.
//!
//! What it answers is <https://cloud.google.com/compute/docs/metadata/querying-metadata>.

#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod handlers;
#[cfg(test)]
mod tests;
mod tree;

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connections;

/// A guest's own programs need a handful at once, most of them waiting for a change.
const CONNECTIONS: usize = 64;

/// A short-lived credential. It has no `Debug`, so that no log gets to see it.
#[derive(Clone)]
pub struct AccessToken {
    /// The bearer token.
    pub access_token: String,
    /// Seconds until it is no longer accepted.
    pub expires_in: u64,
}

/// Why the engine does not take a guest attribute, for the guest to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// What the metadata server asks the engine about its machine.
pub trait Guest: Send + Sync + 'static {
    /// All metadata but tokens and guest attributes, as `/?recursive=true&alt=json` prints it:
    /// `{"instance": .., "project": .., "universe": ..}` in camel case.
    fn tree(&self) -> watch::Receiver<Arc<Value>>;
    /// A token of one of the machine's service accounts, by email or as `default`.
    fn token(&self, service_account: &str) -> Option<AccessToken>;
    /// What the guest wrote there before.
    fn guest_attribute(&self, namespace: &str, key: &str) -> Option<String>;
    /// Keeps what the guest writes, or forgets it when there is no value.
    ///
    /// # Errors
    /// When the engine has no room for it.
    fn set_guest_attribute(
        &self,
        namespace: &str,
        key: &str,
        value: Option<String>,
    ) -> Result<(), Refusal>;
}

/// Serves until it is dropped.
#[derive(Debug)]
pub struct MetadataServer {
    task: JoinHandle<()>,
}

impl MetadataServer {
    /// Starts to serve on a unix socket, which is replaced if it is there.
    ///
    /// # Errors
    /// When the socket cannot be made; its path may have 107 bytes.
    // Async, because it needs the runtime that will serve.
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
