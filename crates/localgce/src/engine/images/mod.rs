//! Images and their families.

mod archive;
mod change;
mod files;
mod find;
mod publish;
mod request;
mod source;

pub use archive::bucket_and_object;
pub use change::{delete, deprecate, insert, patch};
pub use find::{newest, usable_image};
pub use request::{DeprecationStatus, Image, Patch};
