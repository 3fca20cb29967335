//! What is there of both deployments (pure).

use crate::state::Migration;

/// What was observed at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scene {
    /// The old VM.
    pub(super) old: Option<Power>,
    /// What the old state disk says.
    pub(super) migration: Option<Migration>,
    /// Whether the snapshot that it names can be copied from.
    pub(super) snapshot: bool,
    /// The new state disk.
    pub(super) copy: Copy,
    /// The new VM.
    pub(super) new: Option<Power>,
}

/// What a VM is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Power {
    On,
    Off,
    /// It is on its way from one to the other, or out of this world.
    Moving,
}

impl Power {
    /// The meaning of an instance's status.
    pub(super) fn of(status: &str) -> Self {
        match status {
            "RUNNING" => Self::On,
            "TERMINATED" | "SUSPENDED" => Self::Off,
            _ => Self::Moving,
        }
    }
}

/// The new deployment's state disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Copy {
    /// There is none.
    None,
    /// It was made from the migration's snapshot.
    Own,
    /// It was not.
    Other,
}
