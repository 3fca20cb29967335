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
mod config;
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

#[cfg(fuzzing)]
pub use api::fuzzing;
pub use config::Config;
pub use connect::connect;
pub use endpoint::Endpoint;
pub use mark::{claim, delete};
pub use room::explain;
pub use serve::serve;
pub use vm::Accel;
