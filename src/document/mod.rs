//! YAML documents in which every value knows its line, and readers that report every mistake of a
//! document at once instead of the first one only.

mod cursor;
mod finding;
mod node;

pub(crate) use cursor::nearest;
pub use cursor::{Cursor, Fields, Log, Refusal};
pub use finding::{Finding, Findings};
pub use node::{Node, Value};
