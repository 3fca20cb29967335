//! Gateway releases: their versions, in upstream's order.

mod integrity;
mod npm;
mod schema;
mod version;

pub use integrity::Integrity;
pub use npm::{Dist, Package, Registry};
pub use schema::Schema;
pub use version::{Channel, Version};
