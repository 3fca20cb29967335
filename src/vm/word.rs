//! (tests) The least that a VM can report.

use serde::Deserialize;

use super::Report;

#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Word {
    nonce: String,
    phase: String,
}

impl Report for Word {
    type Phase = String;

    fn nonce(&self) -> &str {
        &self.nonce
    }

    fn phase(&self) -> String {
        self.phase.clone()
    }
}
