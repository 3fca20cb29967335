//! Gateway releases: their versions in upstream's order, what they say of themselves, and where they come
//! from.

mod feed;
mod gate;
mod integrity;
mod npm;
mod schema;
mod version;
mod web;

pub use feed::Feed;
pub use gate::{Candidate, Reason, Standard, gate, runs_with};
pub use integrity::Integrity;
pub use npm::{Dist, Package, Packument, Registry};
pub use schema::Schema;
pub use version::{Channel, Version};
pub use web::Web;
