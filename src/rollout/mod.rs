//! Changes of a VM that keep its state.

mod gate;
mod replace;

pub use gate::{Gate, PutBack, Refused};
pub use replace::{Goal, Replaced, Why, replace};
