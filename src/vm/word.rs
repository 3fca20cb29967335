//! (tests) The least that a VM can report.

use serde::Deserialize;

use super::Report;

#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Word {
    phase: String,
}

impl Report for Word {
    type Phase = String;

    fn phase(&self) -> String {
        self.phase.clone()
    }
}
