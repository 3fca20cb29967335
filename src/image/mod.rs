//! The offline build: recipe -> root, gateway container, disk, archive. No VM, no cloud.
//!
//! Every stage is cached by the digest of its inputs ([`key`]). So a new gateway release rebuilds the
//! gateway's container and the disk but not the root, and nothing is rebuilt if nothing has changed.

pub mod archive;
pub mod cache;
pub mod container;
pub(crate) mod context;
pub mod disk;
pub mod key;
pub mod kit;
pub mod layout;
mod offline;
mod plan;
pub mod root;
pub mod run;
pub mod sources;

pub use offline::{Built, Offline};
pub(crate) use plan::image_name;
pub use plan::{Plan, debian_archive};
pub use sources::newest_tools;
