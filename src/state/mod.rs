//! A deployment's state beyond its disk: copies of it, and the way back to one.
//!
//! ```text
//!                     ┌── snapshot ──▶ list ──▶ retain: the surplus goes
//!   state disk ───────┤
//!   says who wrote it └── restore: save ─▶ mark ─▶ delete ─▶ create ─▶ unmark
//! ```
//!
//! The state disk says in its labels which release wrote it last ([`Written`](crate::fleet::Written)), and every
//! snapshot of it repeats that. A restore under way is written on the snapshot that it restores, so
//! that any machine goes on with it, and nobody takes the missing disk for a new deployment's.

mod disk;
mod export;
mod grow;
mod list;
mod marks;
mod migration;
mod restore;
mod retention;
mod snapshot;
mod steps;
mod why;

pub use disk::disk;
pub use export::{Exported, export, import};
pub use grow::{Grown, grow};
pub use list::{find, list, restoring};
pub use migration::{Migration, Word};
pub use restore::{Restored, ensure_ready, restore};
pub use retention::retain;
pub use snapshot::{snapshot, take};
pub use steps::Obstacle;
pub use why::Why;
