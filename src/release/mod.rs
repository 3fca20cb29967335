//! Gateway releases: their versions in upstream's order, what they say of themselves, and where they come
//! from.

mod feed;
mod gate;
mod git;
mod github;
mod integrity;
mod npm;
mod oci;
mod schema;
mod source;
mod version;
mod web;

pub use feed::Feed;
pub use gate::{Candidate, Reason, Standard, gate, runs_with};
pub use integrity::Integrity;
pub use npm::{Dist, Package, Packument, Registry};
pub use schema::Schema;
pub use source::Source;
pub use version::{Channel, Version};
pub use web::Web;
