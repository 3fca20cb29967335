//! What is there of both deployments (pure).

pub(super) use crate::fleet::Power;
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
    /// Whether the old VM has been started or stopped since that was taken: it lacks what its gateway may have
    /// written.
    pub(super) late: bool,
    /// The new state disk.
    pub(super) copy: Copy,
    /// The new VM.
    pub(super) new: Option<Power>,
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
