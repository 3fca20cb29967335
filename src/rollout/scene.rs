//! What is there: the VM, its state disk and the snapshots of the deployment (pure).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::intent::Intent;
pub(super) use crate::fleet::Power;
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
    /// When it was last started or stopped, where that is known.
    pub(super) moved: Option<Timestamp>,
}

impl Vm {
    /// Whether it says that it was made from another template than this.
    pub(super) fn is_of_another(&self, template: &str) -> bool {
        let own = self.template.as_deref();
        own.is_some_and(|own| own != template)
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
    /// When a VM last got it, where that is known.
    pub(super) attached: Option<Timestamp>,
}

/// A snapshot of the state disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Snapshot {
    pub(super) id: u64,
    /// Id of the disk that it was taken of.
    pub(super) of: Option<u64>,
    /// When it was taken, where that is known.
    pub(super) taken: Option<Timestamp>,
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

    /// Whether a snapshot of the present disk lacks what a VM may have written since: one runs, or has been
    /// started or stopped, or has got the disk. Who starts it in the very moment of its deletion is not seen.
    pub(super) fn is_stale(&self, snapshot: &str) -> bool {
        let (Some(disk), Some(snapshot)) = (&self.disk, self.snapshots.get(snapshot)) else {
            return false;
        };
        let on = self.vm.as_ref().is_some_and(|vm| vm.power == Power::On);
        let moved = self.vm.as_ref().and_then(|vm| vm.moved);
        // What is not known is before all that is.
        let since = moved.max(disk.attached) > snapshot.taken && snapshot.taken.is_some();
        snapshot.of == Some(disk.id) && (on || since)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// When the VM was started or stopped, and when a disk was attached, in seconds; the snapshot is taken at 5.
    fn is_stale(power: Power, moved: Option<i64>, attached: Option<i64>, of: u64) -> bool {
        let at = |second: Option<i64>| second.map(|it| Timestamp::from_second(it).unwrap());
        let snapshot = Snapshot {
            id: 9,
            of: Some(of),
            taken: at(Some(5)),
            ready: true,
            written: None,
            restoring: None,
        };
        let scene = Scene {
            vm: Some(Vm {
                power,
                keeps_state: true,
                failed: false,
                template: None,
                moved: at(moved),
            }),
            disk: Some(Disk {
                id: 1,
                source: None,
                intent: None,
                written: None,
                attached: at(attached),
            }),
            snapshots: [("it".to_owned(), snapshot)].into(),
        };
        assert!(!scene.is_stale("another"));
        scene.is_stale("it")
    }

    #[test]
    fn a_snapshot_is_stale_once_something_has_run_since() {
        let stopped = Power::of("TERMINATED");
        assert!(!is_stale(stopped, Some(5), Some(1), 1));
        assert!(!is_stale(stopped, None, None, 1));
        // It runs, it has run, another VM has had the disk.
        assert!(is_stale(Power::On, Some(1), Some(1), 1));
        assert!(is_stale(stopped, Some(6), Some(1), 1));
        assert!(is_stale(stopped, Some(5), Some(6), 1));
        // Of the disk that was there before a restore.
        assert!(!is_stale(Power::On, Some(6), Some(6), 2));
    }

    #[test]
    fn a_vm_that_is_suspended_is_neither_on_nor_off() {
        assert_eq!(Power::of("SUSPENDED"), Power::Suspended);
        assert_eq!(Power::of("SUSPENDING"), Power::Moving);
        assert_eq!(Power::of("RUNNING"), Power::On);
    }
}
