//! Cloud Storage's objects: uploads, copies and compositions.

pub mod buckets;
mod commit;
mod compose;
pub mod content;
mod content_range;
pub mod objects;
mod preconditions;
pub mod uploads;

pub use commit::New;
pub use compose::{compose, copy};
pub use content_range::ContentRange;
pub use preconditions::Preconditions;
