//! YAML documents in which every value knows its line, and readers that report all mistakes of a
//! document instead of only the first.

mod cursor;
mod finding;
mod node;

pub(crate) use cursor::nearest;
pub use cursor::{Cursor, Fields, Log, Refusal};
pub use finding::{Finding, Findings};
pub use node::{Node, Value};
