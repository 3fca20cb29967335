//! The steps of a rollout.

use std::fmt;

use super::gate::Gate;
use super::intent::{Intent, Word};

/// One step. Each may have been carried out before, in part or completely, by a run that was killed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Waits until the VM is on, off or gone.
    Settle,
    /// The intent is written on the state disk, if nobody else's is there meanwhile.
    Begin(Intent),
    /// This run carries out what another has begun.
    TakeOver(Intent),
    /// The guest stops its gateway and counts its state; then [`Word::Stopped`] is written. A guest that
    /// does not answer keeps nobody from going on.
    Quiesce(Intent),
    /// The VM is stopped.
    Halt,
    /// The state is put into a snapshot, whose name is written once it is READY.
    Snapshot(Intent),
    /// That snapshot is not the stopped state any more: [`Word::Begun`] is written again, without it.
    Renew(Intent),
    /// The VM is deleted, and its state disk kept.
    Delete,
    /// The state disk is made again from the snapshot of this name, with the labels of the rollout; what
    /// is on it goes into a snapshot first.
    Restore(String),
    /// The mark of a restore is removed from the snapshot of this name: a VM has the disk, so it cannot be
    /// under way.
    Forget(String),
    /// [`Word::Started`] is written, and the new release as the one that wrote the state.
    Record(Intent),
    /// A VM is created from a template.
    Insert(String),
    /// The VM is started, or restarted, with what it has.
    Start,
    /// The gateway becomes ready, accepts the right token alone, and has all of its state. `counts` is
    /// the name of the snapshot whose counts it must not fall short of.
    Watch { counts: Option<String> },
    /// It stays ready.
    Soak,
    /// The way back is written: [`Word::Undo`] or [`Word::Back`], and the gate.
    TurnBack(Intent),
    /// Family and lock say what runs now, and the intent is removed. With a
    /// gate, the VM before runs.
    Finish {
        template: Option<String>,
        gate: Option<Gate>,
    },
    /// The intent is removed: it failed at a gate, and there is nothing to go back to.
    GiveUp(Gate),
}

impl Step {
    /// The gate that a failure of this step means.
    pub(super) fn gate(&self) -> Gate {
        match self {
            Self::Settle | Self::Begin(_) | Self::TakeOver(_) => Gate::Turn,
            Self::Quiesce(_) | Self::Halt => Gate::Stop,
            Self::Snapshot(_) | Self::Renew(_) => Gate::Snapshot,
            Self::Delete => Gate::Delete,
            Self::Restore(_) | Self::Forget(_) => Gate::State,
            Self::Record(_) | Self::Insert(_) => Gate::Create,
            Self::Start
            | Self::Watch { .. }
            | Self::TurnBack(_)
            | Self::Finish { .. }
            | Self::GiveUp(_) => Gate::Ready,
            Self::Soak => Gate::Soak,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settle => f.write_str("wait for what the VM is doing"),
            Self::Begin(to) => write!(f, "begin: to template {}", to.to),
            Self::TakeOver(it) => write!(f, "go on at `{}`", it.word.name()),
            Self::Quiesce(_) => f.write_str("stop the gateway, if it runs"),
            Self::Halt => f.write_str("stop the VM"),
            Self::Snapshot(_) => f.write_str("put the stopped state into a snapshot"),
            Self::Renew(_) => f.write_str("take another snapshot, for the VM has run since"),
            Self::Delete => f.write_str("delete the VM, keep its state disk"),
            Self::Restore(snapshot) => {
                write!(f, "make the state disk again from snapshot {snapshot}")
            }
            Self::Forget(snapshot) => write!(f, "remove a stale mark from snapshot {snapshot}"),
            Self::Record(it) => write!(f, "record on the state disk that {} writes it", it.to),
            Self::Insert(template) => write!(f, "create the VM from template {template}"),
            Self::Start => f.write_str("start the VM"),
            Self::Watch { counts: None } => f.write_str("wait until its gateway is ready"),
            Self::Watch { counts: Some(_) } => {
                f.write_str("wait until its gateway is ready and has all of its state")
            }
            Self::Soak => f.write_str("watch that it stays ready"),
            Self::TurnBack(it) => match it.word {
                Word::Undo => f.write_str("go back: the VM before is started again"),
                _ => f.write_str("go back: the state and the VM before"),
            },
            Self::Finish { .. } => f.write_str("write down what runs"),
            Self::GiveUp(_) => f.write_str("leave it as it is"),
        }
    }
}
