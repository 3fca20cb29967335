//! The steps of a restore, from what is seen (pure).
//!
//! ```text
//!   a disk ──▶ Save ──▶ Mark ──▶ Release ──▶ Delete ──▶ Create ──▶ Unmark
//!   no disk ───────────▶ Mark ──▶ Release ─────────────▶ Create ──▶ Unmark
//! ```
//!
//! Whoever finds a restore cut short goes on from what is there. A disk that is to go is saved in the
//! very run that deletes it: between two runs, a VM may have written to it.

use std::fmt;

use super::marks::Mark;

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// The disk of that name.
    pub disk: Option<Present>,
    /// What the chosen snapshot says.
    pub mark: Option<Mark>,
    /// Other snapshots that the same disk is being restored from.
    pub others: Vec<String>,
}

/// A disk that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Present {
    pub id: u64,
    /// Id of the snapshot that it was made from.
    pub source: Option<u64>,
    /// Whether it is READY.
    pub ready: bool,
    /// The VM that it is attached to.
    pub user: Option<String>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Take a snapshot of the disk.
    Save,
    /// Write on the chosen snapshot that the disk is restored from it, and which disk goes for that.
    Mark { over: Option<u64> },
    /// Take that away from another snapshot: this one is chosen now.
    Release(String),
    /// Delete the disk.
    Delete,
    /// Make the disk from the snapshot.
    Create,
    /// Take the mark away: the disk is what it was at the snapshot.
    Unmark,
}

/// What keeps a restore from going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// A VM has the disk, running or not.
    InUse {
        /// Its name.
        vm: String,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::InUse { vm } = self;
        write!(
            f,
            "the VM {vm} uses the state disk: `clawbake delete` deletes the VM and keeps its state"
        )
    }
}

impl std::error::Error for Obstacle {}

/// What comes next on the way to a disk made from the snapshot with the id `chosen`. `saved` is the id
/// of the disk that this run has saved.
pub(super) fn next(chosen: u64, seen: &Seen, saved: Option<u64>) -> Result<Step, Obstacle> {
    let mark = |over| seen.mark != Some(Mark { over });
    let release = || seen.others.first().cloned().map(Step::Release);
    let Some(disk) = &seen.disk else {
        return Ok(if seen.mark.is_none() {
            Step::Mark { over: None }
        } else {
            release().unwrap_or(Step::Create)
        });
    };
    let over_another = |mark: Mark| mark.over != Some(disk.id);
    let made = disk.source == Some(chosen) && seen.mark.is_some_and(over_another);
    if made && disk.ready {
        return Ok(Step::Unmark);
    }
    if let Some(vm) = &disk.user {
        return Err(Obstacle::InUse { vm: vm.clone() });
    }
    let over = Some(disk.id);
    Ok(if made {
        // Half made: nobody has written to it.
        Step::Delete
    } else if saved != over {
        Step::Save
    } else if mark(over) {
        Step::Mark { over }
    } else {
        release().unwrap_or(Step::Delete)
    })
}

#[cfg(test)]
mod tests;
