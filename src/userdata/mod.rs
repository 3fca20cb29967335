//! cloud-init user-data: rendered for a deployment, and checked before it is sent to a cloud.

mod files;
mod lints;
mod render;
mod schema;
mod validate;

pub use render::{MAX_BYTES, STATE_DEVICE, Values, render};
pub use validate::validate;
