//! Gateway releases: their versions and the order upstream gives them.

mod npm;
mod version;

pub use npm::{Dist, Package, Registry};
pub use version::{Channel, Version};
