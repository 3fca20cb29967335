//! The engine.

pub mod connect;
pub mod metadata;
pub mod vm;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use connect::connect;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything is kept.
    pub dir: PathBuf,
    /// Loopback address.
    pub listen: SocketAddr,
    /// Program of a guest's connections.
    pub connect_command: Vec<String>,
}
/// Where a running engine is.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Base URL.
    pub url: String,
    /// Bearer token.
    pub token: String,
    /// Project.
    pub project: String,
    /// Zone.
    pub zone: String,
    /// Process.
    pub pid: u32,
    /// `KVM` or `TCG`.
    pub acceleration: String,
}
impl Endpoint {
    /// Reads.
    pub fn read(_dir: &Path) -> anyhow::Result<Option<Self>> {
        Ok(None)
    }
    /// File with the token alone.
    #[must_use]
    pub fn token_file(&self, dir: &Path) -> PathBuf {
        dir.join("token")
    }
}
/// Serves.
pub async fn serve(_config: Config) -> anyhow::Result<()> {
    Ok(())
}
