//! Changes of a VM that keep its state.

mod attempt;
mod course;
mod gate;
mod rebuild;
mod rehearsal;
mod remember;
mod replace;
mod report;
mod target;

pub use gate::{Gate, PutBack, Refused};
pub use rebuild::{Options, Outlook, outlook, rebuild};
pub use rehearsal::{RehearsalFailed, Rehearsed, rehearse};
pub use replace::{Goal, Replaced, Why, replace};
pub use report::{End, Entry, Passage, Report};
