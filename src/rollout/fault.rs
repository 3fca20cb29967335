//! What the failure of a step says.

use std::fmt;

use anyhow::Error;

use super::gate::Gate;
use crate::fleet::NotReady;

/// How a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    /// Somebody changed the labels meanwhile.
    Overtaken,
    /// The gateway failed at this gate.
    Gate(Gate),
    /// It shows nothing about the release: the cloud refused, somebody deleted the VM.
    Other,
}

/// A gateway that fails at a gate.
#[derive(Debug)]
pub(super) struct Fails {
    pub(super) gate: Gate,
    pub(super) why: String,
}

impl fmt::Display for Fails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Fails {}

/// Labels that somebody else has changed meanwhile.
#[derive(Debug)]
pub(super) struct Overtaken;

impl fmt::Display for Overtaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody else changed the labels of the state disk at the same moment")
    }
}

impl std::error::Error for Overtaken {}

/// The gate at which a gateway has failed, if that is what the error says.
#[must_use]
pub fn failed_at(error: &Error) -> Option<Gate> {
    match fault(error) {
        Fault::Gate(gate) => Some(gate),
        _ => None,
    }
}

/// What an error says about a step.
pub(super) fn fault(error: &Error) -> Fault {
    if error.is::<Overtaken>() {
        Fault::Overtaken
    } else if let Some(fails) = error.downcast_ref::<Fails>() {
        Fault::Gate(fails.gate)
    } else if error.downcast_ref::<NotReady>().is_some_and(|it| !it.gone) {
        Fault::Gate(Gate::Ready)
    } else {
        Fault::Other
    }
}
