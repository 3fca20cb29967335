//! What a run of a rollout does next, or how it has ended (pure).

use super::gate::Gate;
use super::step::Step;

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Next {
    Take(Step),
    End(End),
}

/// How a run of a rollout ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// The new VM runs.
    Done,
    /// The VM before runs again.
    PutBack(Gate),
    /// Nothing was changed.
    Refused(Gate, String),
    /// There was nothing to go back to: the new VM is left as it is.
    LeftAsItIs(Gate),
    /// What is there is kept as it is; the next run goes on.
    Stuck(String),
}
