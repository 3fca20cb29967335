//! clawbake.

pub mod deployment;
pub mod document;
pub mod names;
pub mod recipe;
pub mod release;
pub mod userdata;
pub mod image;
pub mod progress;
