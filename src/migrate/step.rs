//! The steps of a migration.

use std::fmt;

use crate::rollout::Gate;
use crate::state::Migration;

/// Which of the two VMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Old,
    New,
}

/// One change, and what is written with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Wait for what a VM is doing.
    Settle(Side),
    /// Write down that it has begun.
    Begin(Migration),
    /// Go on with what another run has begun.
    TakeOver(Migration),
    /// Stop the old gateway, which counts its state before.
    Quiesce(Migration),
    /// Stop the old VM.
    Halt,
    /// Put the stopped state into a snapshot.
    Snapshot(Migration),
    /// Make the new state disk of it.
    Copy,
    /// Create the new VM.
    Insert,
    /// Delete a new VM that does not run; its disk stays.
    Drop,
    /// Wait until the new gateway is ready and has all of the state.
    Watch,
    /// Write down that it has taken over.
    Finish(Migration),
    /// Write down that the gateway before comes back.
    TurnBack(Migration),
    /// Delete the new VM, and the copy of the state too.
    Discard {
        /// Whether the copy goes.
        copy: bool,
    },
    /// Start the old VM.
    Return,
    /// Wait until its gateway is ready.
    Check,
    /// Write down that nothing is under way.
    Forget,
}

impl Step {
    /// The gate that is not passed if the step fails.
    pub(super) fn gate(&self) -> Gate {
        match self {
            Self::Begin(_) | Self::TakeOver(_) | Self::Finish(_) | Self::TurnBack(_) => Gate::Turn,
            Self::Quiesce(_) | Self::Halt | Self::Settle(Side::Old) => Gate::Stop,
            Self::Snapshot(_) => Gate::Snapshot,
            Self::Copy => Gate::State,
            Self::Insert | Self::Drop | Self::Settle(Side::New) => Gate::Create,
            Self::Discard { .. } => Gate::Delete,
            Self::Watch | Self::Return | Self::Check | Self::Forget => Gate::Ready,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settle(Side::Old) => "wait for what the old VM is doing",
            Self::Settle(Side::New) => "wait for what the new VM is doing",
            Self::Begin(_) => "write on the old state disk that it is taken over",
            Self::TakeOver(_) => "go on with what another run has begun",
            Self::Quiesce(_) => "stop the old gateway, if it runs",
            Self::Halt => "stop the old VM",
            Self::Snapshot(_) => "put the stopped state into a snapshot",
            Self::Copy => "make the new state disk of it",
            Self::Insert => "create the new VM",
            Self::Drop => "delete the new VM, which does not run; its state disk stays",
            Self::Watch => "wait until the new gateway is ready and has all of the state",
            Self::Finish(_) => "write down that it has taken over; the old VM stays, stopped",
            Self::TurnBack(_) => "write down that the gateway before comes back",
            Self::Discard { copy: true } => "delete the new VM and its copy of the state",
            Self::Discard { copy: false } => "delete the new VM; its state disk stays",
            Self::Return => "start the old VM",
            Self::Check => "wait until its gateway is ready",
            Self::Forget => "write down that nothing is under way",
        })
    }
}
