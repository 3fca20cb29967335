//! The offline build: recipe -> root, gateway container, disk, archive. No VM, no cloud.
//!
//! Every stage is kept by the digest of its inputs ([`key`]), so a new gateway release rebuilds the
//! gateway's container and the disk, not the root; and nothing at all where nothing changed.

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
pub use plan::Plan;
pub(crate) use plan::image_name;
