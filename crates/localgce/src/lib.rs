//! Google's Compute Engine, Secret Manager and Cloud Storage on this machine, with real VMs.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! // In one process, until it gets SIGTERM:
//! localgce::serve(localgce::Config {
//!     dir: "/var/lib/localgce".into(),
//!     cache: "/var/cache/localgce".into(),
//!     listen: ([127, 0, 0, 1], 0).into(),
//!     connect_command: vec!["/usr/bin/localgce".into(), "connect".into()],
//!     power_off: None,
//!     accel: localgce::Accel::Auto,
//! })
//! .await?;
//! // In another:
//! let engine = localgce::Endpoint::read("/var/lib/localgce".as_ref())?.expect("it runs");
//! println!("{}/compute/v1/projects/{}", engine.url, engine.project);
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! api ──▶ engine ──▶ vm (QEMU), metadata (one server per VM)
//!   └───────┴──▶ store (SQLite)
//! ```

mod api;
mod catalog;
mod child;
mod clock;
mod connect;
mod connections;
mod debian;
mod endpoint;
mod engine;
mod error;
mod json;
mod key;
mod log;
mod mark;
pub mod metadata;
mod private;
mod room;
mod serve;
mod store;
pub mod vm;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(fuzzing)]
pub use api::fuzzing;
pub use connect::connect;
pub use endpoint::Endpoint;
pub use mark::{claim, delete};
pub use room::explain;
pub use serve::serve;
pub use vm::Accel;

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
    /// to that socket: something that calls [`connect`]. Its first word is an absolute path.
    pub connect_command: Vec<String>,
    /// How long a guest gets to power itself off before its plug is pulled. By default 90 s, as on
    /// Google, and 5 min where guests are emulated.
    pub power_off: Option<Duration>,
    /// How guests are run, as far as this host can.
    pub accel: Accel,
}
