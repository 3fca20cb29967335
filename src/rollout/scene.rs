//! What is there: the VM, its state disk and the snapshots of the deployment (pure).

use std::collections::BTreeMap;

use super::intent::Intent;
use crate::fleet::Written;

/// What was observed of a deployment at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scene {
    /// The deployment's VM.
    pub(super) vm: Option<Vm>,
    /// Its state disk.
    pub(super) disk: Option<Disk>,
    /// Its snapshots by name.
    pub(super) snapshots: BTreeMap<String, Snapshot>,
}

/// A VM.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Vm {
    pub(super) power: Power,
    /// Whether its state disk survives its deletion.
    pub(super) keeps_state: bool,
    /// Whether it has reported, since its last start, that it will not become ready by itself.
    pub(super) failed: bool,
    /// Name of the template that it was made from, where it says so.
    pub(super) template: Option<String>,
}

impl Vm {
    /// Whether it says that it was made from another template than this.
    pub(super) fn is_of_another(&self, template: &str) -> bool {
        let own = self.template.as_deref();
        own.is_some_and(|own| own != template)
    }
}

/// What a VM is doing, as far as a rollout cares.
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

/// A state disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Disk {
    /// Every disk of that name has an id of its own.
    pub(super) id: u64,
    /// Id of the snapshot that it was made from.
    pub(super) source: Option<u64>,
    /// The rollout under way.
    pub(super) intent: Option<Intent>,
    /// The release that last wrote it, where it says so.
    pub(super) written: Option<Written>,
}

/// A snapshot of the state disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Snapshot {
    pub(super) id: u64,
    /// Id of the disk that it was taken of.
    pub(super) of: Option<u64>,
    pub(super) ready: bool,
    /// The release that last wrote the state in it.
    pub(super) written: Option<Written>,
    /// The restore from it that is under way.
    pub(super) restoring: Option<Restoring>,
}

/// A restore under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Restoring {
    /// The rollout that it is a step of; while there is no disk, nothing else knows it.
    pub(super) intent: Option<Intent>,
}

impl Scene {
    /// The rollout under way. While there is no disk, the snapshot that it is made from knows it.
    pub(super) fn intent(&self) -> Option<&Intent> {
        match &self.disk {
            Some(disk) => disk.intent.as_ref(),
            None => self.restoring()?.1.intent.as_ref(),
        }
    }

    /// The restore under way, and the name of its snapshot.
    pub(super) fn restoring(&self) -> Option<(&str, &Restoring)> {
        let mut marked = self.snapshots.iter();
        marked.find_map(|(name, it)| Some((&**name, it.restoring.as_ref()?)))
    }

    /// Whether a snapshot of that name can be restored.
    pub(super) fn has_ready(&self, snapshot: &str) -> bool {
        self.snapshots.get(snapshot).is_some_and(|it| it.ready)
    }

    /// Whether the state disk was made from the snapshot `state` since the rollout took its own.
    pub(super) fn has(&self, state: &str, intent: &Intent) -> bool {
        let before = intent
            .snapshot
            .as_ref()
            .and_then(|it| self.snapshots.get(it));
        match (&self.disk, self.snapshots.get(state), before) {
            (Some(disk), Some(state), Some(before)) => {
                disk.source == Some(state.id) && before.of != Some(disk.id)
            }
            _ => false,
        }
    }
}
