//! Gateway releases: their versions, in upstream's order.

mod npm;
mod version;

pub use npm::{Dist, Package, Registry};
pub use version::{Channel, Version};
