//! What is done to the project, and at which of its calls something goes wrong.

use std::ops::Range;

use crate::call::Call;
use crate::scene::{ARCHIVE, OLDER, SAVED};

/// A verb in a situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// An archive becomes an image.
    Bake,
    /// The first one of a project, which has no bucket yet.
    FirstBake,
    /// An image passes its boot test and gets in front of its family.
    Promote,
    /// An image fails its boot test.
    BootTest,
    /// Old images go.
    Prune,
    /// Old templates go.
    TemplatePrune,
    /// A VM is made.
    Launch,
    /// It is made again, for state that follows another schedule of snapshots.
    Relaunch,
    /// It is made with a state from an archive.
    Import,
    /// It is deleted.
    Delete,
    /// So is its state.
    DeleteState,
    /// A snapshot of the state is taken.
    Snapshot,
    /// The state disk becomes what it was at a snapshot.
    Restore,
    /// It is lost, and comes back.
    RestoreLost,
    /// It grows.
    Grow,
    /// It becomes an archive.
    Export,
    /// The gateway stops, and its VM.
    Stop,
    /// They start.
    Start,
    /// Both.
    Restart,
    /// The VM gets another machine type.
    Resize,
    /// The VM is replaced by one of a newer image.
    Recreate,
    /// It was deleted, and comes back.
    RecreateLost,
    /// It is replaced by one that fails, and put back with its state.
    RecreateBad,
    /// It is replaced by one of the older image, with the state from before.
    Rollback,
    /// A release is new, its image is there: it is rehearsed, gets in front, and the VM is replaced.
    Rebuild,
    /// The image's name is a stranger's.
    BakeTaken,
    /// The VM's is, on a disk.
    LaunchTaken,
    /// The state disk's is.
    StateTaken,
    /// The VM is a stranger's.
    DeleteTaken,
}

impl Verb {
    /// All of them, those with most points first.
    pub const ALL: [Self; 29] = [
        Self::RecreateBad,
        Self::Rebuild,
        Self::Rollback,
        Self::Recreate,
        Self::Promote,
        Self::BootTest,
        Self::RecreateLost,
        Self::Launch,
        Self::Bake,
        Self::Export,
        Self::Import,
        Self::Delete,
        Self::Prune,
        Self::TemplatePrune,
        Self::Relaunch,
        Self::LaunchTaken,
        Self::Restore,
        Self::Restart,
        Self::Resize,
        Self::RestoreLost,
        Self::Start,
        Self::Stop,
        Self::DeleteState,
        Self::Snapshot,
        Self::Grow,
        Self::FirstBake,
        Self::StateTaken,
        Self::BakeTaken,
        Self::DeleteTaken,
    ];

    /// How many worlds try its points.
    pub fn worlds(self) -> usize {
        match self {
            Self::Promote | Self::RecreateBad | Self::Rollback => 6,
            Self::Recreate | Self::Rebuild => 4,
            Self::BootTest => 3,
            Self::Launch | Self::Bake | Self::Export | Self::Delete => 2,
            _ => 1,
        }
    }

    pub fn arguments<'a>(self, image: &'a str, state: &'a str) -> Vec<&'a str> {
        match self {
            Self::Bake | Self::FirstBake | Self::BakeTaken => {
                vec!["bake", "--no-promote", "--archive", "archive.tar.gz"]
            }
            Self::Promote => vec!["bake", "--archive", "archive.tar.gz"],
            Self::BootTest => vec!["images", "promote", image],
            Self::Prune => vec!["images", "prune", "--keep", "1"],
            Self::Launch | Self::Relaunch | Self::LaunchTaken | Self::StateTaken => {
                vec!["launch", "--no-wait", "--image", image]
            }
            Self::TemplatePrune => vec!["template", "prune", "--keep", "0"],
            Self::Import => vec!["launch", "--no-wait", "--image", image, "--import", ARCHIVE],
            Self::Export => vec!["state", "export", ARCHIVE],
            Self::Rebuild => vec!["rebuild"],
            Self::Delete | Self::DeleteTaken => vec!["delete"],
            Self::DeleteState => vec!["delete", "--state-disk", state],
            Self::Snapshot => vec!["state", "snapshot"],
            Self::Restore | Self::RestoreLost => vec!["state", "restore", SAVED],
            Self::Grow => vec!["state", "grow", "12"],
            Self::Recreate | Self::RecreateBad => vec!["recreate", "--image", image],
            Self::RecreateLost => vec!["recreate"],
            Self::Rollback => vec!["rollback", "--to", OLDER, "--with-state"],
            Self::Stop => vec!["stop"],
            Self::Start => vec!["start"],
            Self::Restart => vec!["restart"],
            Self::Resize => vec!["resize", "e2-medium"],
        }
    }

    /// The exit code of what comes of it when nothing goes wrong.
    pub fn code(self) -> i32 {
        match self {
            Self::BootTest => 5,
            Self::RecreateBad => 7,
            // Said by Compute Engine.
            Self::LaunchTaken => 4,
            _ if self.is_refused() => 1,
            _ => 0,
        }
    }

    /// Whether a stranger's resource is in the way.
    pub fn is_refused(self) -> bool {
        matches!(
            self,
            Self::BakeTaken | Self::LaunchTaken | Self::StateTaken | Self::DeleteTaken
        )
    }

    /// Whether it works on what a gateway lives from. Whatever happens to it on its way, the next run
    /// brings it to the end that it has without a fault.
    pub fn lives(self) -> bool {
        self.finds_vm()
            || matches!(
                self,
                Self::Snapshot | Self::Restore | Self::RestoreLost | Self::Grow
            )
    }

    /// Whether there is a VM with the state, before a verb that works on it.
    pub fn finds_vm(self) -> bool {
        matches!(
            self,
            Self::Stop | Self::Start | Self::Restart | Self::Resize | Self::Export
        ) || self.replaces()
    }

    /// Whether a VM takes another one's place.
    pub fn replaces(self) -> bool {
        matches!(
            self,
            Self::Recreate
                | Self::RecreateLost
                | Self::RecreateBad
                | Self::Rollback
                | Self::Rebuild
        )
    }

    /// Whether it takes a hundred calls, most of which look once more at the same things.
    pub fn is_long(self) -> bool {
        self.replaces() || self == Self::Export
    }

    /// Whether the verb waits for a gateway that becomes ready, and asks it.
    pub fn asks(self) -> bool {
        self == Self::Promote || self.finds_vm()
    }

    pub fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::DeleteState)
    }

    /// What VMs report, where somebody listens.
    pub fn phase(self) -> &'static str {
        if self.asks() { "ready" } else { "failed" }
    }

    /// The calls that are this verb's own. To the others happens the same in another verb:
    /// a project's first bake goes on as every bake does, a boot test that fails begins as one that
    /// passes, a launch does not know yet that its name is taken, and a rebuild replaces a VM as
    /// recreate does.
    pub fn own(self, calls: &[Call]) -> Range<usize> {
        let at = |id: &str, nth: usize| {
            let found = calls
                .iter()
                .position(|call| call.id == id && call.nth == nth);
            found.unwrap_or_else(|| panic!("{self:?} has no {id} {nth}: {calls:?}"))
        };
        let end = calls.len();
        match self {
            Self::FirstBake => 0..at("storage.buckets.insert", 1) + 1,
            Self::BootTest => at("compute.instances.getGuestAttributes", 1)..end,
            Self::DeleteState => at("compute.disks.get", 2)..end,
            Self::Relaunch => {
                at("compute.disks.removeResourcePolicies", 1)..at("compute.instances.insert", 1)
            }
            Self::Rebuild => at("compute.snapshots.insert", 1)..at("compute.instances.stop", 1),
            Self::Import | Self::LaunchTaken => at("compute.instances.insert", 1)..end,
            Self::StateTaken => end - 1..end,
            _ => 0..end,
        }
    }
}
