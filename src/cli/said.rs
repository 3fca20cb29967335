//! An end that needs no more words.

use std::fmt;

/// An exit code; the verb has printed what it means.
#[derive(Debug)]
pub(super) struct Said(pub(super) u8);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}", self.0)
    }
}

impl std::error::Error for Said {}
