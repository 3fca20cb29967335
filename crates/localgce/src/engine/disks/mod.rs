//! Persistent disks.

mod create;
mod files;
mod users;

pub use create::{Disk, create, delete, insert, resize};
pub use users::{check_idle, free};
