//! Google's Compute Engine, Secret Manager and Cloud Storage APIs on this machine, with real VMs.

mod connect;
pub mod metadata;
pub mod vm;

pub use connect::connect;
