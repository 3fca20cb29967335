//! A cloud as plain data, with one VM's place, its state disk and the snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

use super::super::intent::Intent;
use super::super::scene::{Disk, Power, Restoring, Scene, Snapshot, Vm};
use crate::fleet::Written;

/// Templates, and so releases, from the oldest.
pub(super) const OLDER: &str = "2026.9.4";
pub(super) const OLD: &str = "2026.9.5";
pub(super) const NEW: &str = "2026.9.6";
/// The snapshot that a rollback asks for.
pub(super) const ARCHIVE: &str = "archive";

/// When the VM was last started or stopped, and when snapshots were taken.
const BEFORE: Timestamp = Timestamp::constant(1, 0);
const MOVED: Timestamp = Timestamp::constant(2, 0);
const AFTER: Timestamp = Timestamp::constant(3, 0);

fn age(release: &str) -> usize {
    [OLDER, OLD, NEW]
        .iter()
        .position(|it| *it == release)
        .unwrap()
}

/// The release in a template's image.
pub(super) fn release(template: &str) -> Written {
    Written {
        version: template.parse().unwrap(),
        schema: None,
    }
}

/// What is in a state: where it comes from, and which releases have written to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Content {
    pub(super) origin: &'static str,
    pub(super) by: BTreeSet<String>,
    /// Whether the gateway before has written to it once more since the rollout began.
    pub(super) late: bool,
}

impl Content {
    pub(super) fn of(origin: &'static str, by: &str) -> Self {
        Self {
            origin,
            by: [by.to_owned()].into(),
            late: false,
        }
    }

    /// Whether it is the state that there was, and no other release has written to it.
    fn is_present(&self) -> bool {
        self.origin == "present" && self.by.iter().all(|by| by == OLD)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Machine {
    pub(super) template: String,
    pub(super) power: Power,
    /// What becomes of it when it has moved; none: it is gone.
    pub(super) then: Option<Power>,
    pub(super) failed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct StateDisk {
    pub(super) id: u64,
    pub(super) source: Option<u64>,
    pub(super) intent: Option<Intent>,
    pub(super) written: Written,
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Mark {
    pub(super) over: Option<u64>,
    pub(super) intent: Option<Intent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Copy {
    pub(super) id: u64,
    pub(super) of: u64,
    pub(super) mark: Option<Mark>,
    pub(super) written: Written,
    pub(super) content: Content,
    /// Whether a VM has been started or stopped since it was taken: time is no more than that here.
    pub(super) since: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Cloud {
    pub(super) vm: Option<Machine>,
    pub(super) disk: Option<StateDisk>,
    pub(super) copies: BTreeMap<String, Copy>,
    /// Template that the lock names.
    pub(super) lock: String,
    /// Template of the image in front of the family.
    pub(super) family: String,
    /// Whether somebody has started the VM before behind the rollout's back.
    pub(super) late: bool,
    ids: u64,
}

/// A call that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Call {
    /// The guest stops its gateway, or does not answer. Nothing depends on it.
    Ask,
    /// Labels of the disk, as far as they matter here.
    Label {
        fingerprint: u64,
        intent: Option<Intent>,
        written: Option<Written>,
    },
    Stop,
    Start,
    Delete,
    Insert(String),
    Wait,
    /// Takes a snapshot of the disk; its name is `name`.
    Copy(String),
    Mark(String),
    Release(String),
    DeleteDisk,
    MakeDisk(String),
    Unmark(String),
    Lock(String),
    /// Puts a template's image in front of the family.
    Family(String),
    /// No call: the disk is in use.
    InUse,
}

/// What the cloud answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Done,
    /// The fingerprint is stale.
    Stale,
    /// It is not there, there already, or in use.
    Refused,
}

impl Cloud {
    /// A VM of the old release runs on its state, and there is a snapshot of an older release's.
    pub(super) fn new() -> Self {
        let copy = Copy {
            id: 2,
            of: 1,
            mark: None,
            written: release(OLDER),
            content: Content::of("archive", OLDER),
            since: true,
        };
        Self {
            vm: Some(Machine {
                template: OLD.into(),
                power: Power::On,
                then: None,
                failed: false,
            }),
            disk: Some(StateDisk {
                id: 1,
                source: None,
                intent: None,
                written: release(OLD),
                content: Content::of("present", OLD),
            }),
            copies: [(ARCHIVE.to_owned(), copy)].into(),
            lock: OLD.into(),
            family: OLD.into(),
            late: false,
            ids: 2,
        }
    }

    pub(super) fn scene(&self) -> Scene {
        let vm = self.vm.as_ref().map(|vm| Vm {
            power: vm.power,
            keeps_state: true,
            failed: vm.failed,
            template: Some(vm.template.clone()),
            moved: Some(MOVED),
        });
        let disk = self.disk.as_ref().map(|disk| Disk {
            id: disk.id,
            source: disk.source,
            intent: disk.intent.clone(),
            written: Some(disk.written),
            attached: None,
        });
        let copies = self.copies.iter().map(|(name, copy)| {
            let snapshot = Snapshot {
                id: copy.id,
                of: Some(copy.of),
                taken: Some(if copy.since { BEFORE } else { AFTER }),
                ready: true,
                written: Some(copy.written),
                restoring: copy.mark.as_ref().map(|mark| Restoring {
                    intent: mark.intent.clone(),
                }),
            };
            (name.clone(), snapshot)
        });
        Scene {
            vm,
            disk,
            snapshots: copies.collect(),
        }
    }

    /// Of the disk's labels: the same labels have the same, as at Google.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let disk = self.disk.as_ref();
        disk.map(|disk| (&disk.intent, disk.written))
            .hash(&mut hasher);
        hasher.finish()
    }

    /// Name of the next snapshot.
    pub(super) fn next_name(&self) -> String {
        format!("copy-{}", self.ids + 1)
    }

    fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub(super) fn apply(&mut self, call: &Call) -> Answer {
        self.try_apply(call).unwrap_or(Answer::Refused)
    }

    /// Begins a change that goes on by itself.
    pub(super) fn begin(&mut self, call: &Call) {
        match (call, &mut self.vm) {
            (Call::Stop, Some(vm)) => {
                (vm.power, vm.then) = (Power::Moving, Some(Power::Off));
                self.moves();
            }
            (Call::Delete, Some(vm)) => (vm.power, vm.then) = (Power::Moving, None),
            _ => drop(self.apply(call)),
        }
    }

    fn try_apply(&mut self, call: &Call) -> Option<Answer> {
        match call {
            Call::Ask => {}
            Call::Label {
                fingerprint,
                intent,
                written,
            } => {
                let own = self.fingerprint();
                let disk = self.disk.as_mut()?;
                if own != *fingerprint {
                    return Some(Answer::Stale);
                }
                disk.intent.clone_from(intent);
                if let Some(written) = written {
                    disk.written = *written;
                }
            }
            Call::Stop => {
                self.vm.as_mut()?.power = Power::Off;
                self.moves();
            }
            Call::Start => {
                let vm = self.vm.as_mut()?;
                (vm.power, vm.failed) = (Power::On, false);
                self.moves();
                self.write();
            }
            Call::Delete => drop(self.vm.take()?),
            Call::Insert(template) => {
                // It claims the disk first.
                let disk = self.disk.as_mut().filter(|_| self.vm.is_none())?;
                let own = release(template);
                if own != disk.written {
                    own.may_follow(&disk.written).then_some(())?;
                    disk.written = own;
                }
                self.vm = Some(Machine {
                    template: template.clone(),
                    power: Power::On,
                    then: None,
                    failed: false,
                });
                self.moves();
                self.write();
            }
            Call::Wait => {
                let vm = self.vm.as_mut()?;
                match vm.then.take() {
                    Some(power) => vm.power = power,
                    None => self.vm = None,
                }
            }
            Call::Copy(name) => {
                let disk = self.disk.clone()?;
                let copy = Copy {
                    id: self.id(),
                    of: disk.id,
                    mark: None,
                    written: disk.written,
                    content: disk.content,
                    since: false,
                };
                self.copies.insert(name.clone(), copy);
            }
            Call::Mark(name) => {
                let marked = self.copies.values().find_map(|copy| copy.mark.clone());
                let intent = match &self.disk {
                    Some(disk) => disk.intent.clone(),
                    None => marked.and_then(|mark| mark.intent),
                };
                let over = self.disk.as_ref().map(|disk| disk.id);
                self.copies.get_mut(name)?.mark = Some(Mark { over, intent });
            }
            Call::Release(name) | Call::Unmark(name) => self.copies.get_mut(name)?.mark = None,
            Call::DeleteDisk => {
                self.disk.as_ref().filter(|_| self.vm.is_none())?;
                let gone = self.disk.take()?.content;
                let mut saved = self.copies.values();
                assert!(saved.any(|copy| copy.content == gone), "lost: {gone:?}");
            }
            Call::MakeDisk(name) => {
                if self.disk.is_some() {
                    return None;
                }
                let id = self.id();
                let copy = self.copies.get(name)?;
                self.disk = Some(StateDisk {
                    id,
                    source: Some(copy.id),
                    intent: copy.mark.as_ref()?.intent.clone(),
                    written: copy.written,
                    content: copy.content.clone(),
                });
            }
            Call::InUse => return None,
            Call::Lock(template) => self.lock.clone_from(template),
            Call::Family(template) => self.family.clone_from(template),
        }
        Some(Answer::Done)
    }

    /// Somebody starts the VM behind the rollout's back. What its gateway writes must not be lost, if that is
    /// the one before on its state.
    pub(super) fn start(&mut self) {
        if let (Some(vm), Some(disk)) = (&self.vm, &mut self.disk)
            && vm.template == OLD
            && disk.content.is_present()
        {
            disk.content.late = true;
            self.late = true;
        }
        self.apply(&Call::Start);
    }

    /// The VM is started or stopped now.
    fn moves(&mut self) {
        for copy in self.copies.values_mut() {
            copy.since = true;
        }
    }

    /// The gateway of the VM writes to the state. A release never finds what a newer one wrote, and the
    /// disk names a release that is at least as new as those that wrote.
    fn write(&mut self) {
        let template = self.vm.as_ref().unwrap().template.clone();
        let disk = self.disk.as_mut().unwrap();
        let newest = disk.content.by.iter().map(|by| age(by)).max().unwrap();
        assert!(
            age(&template) >= newest,
            "{template} starts on what {:?} wrote",
            disk.content.by
        );
        assert_eq!(
            disk.written,
            release(&template),
            "what starts was not recorded on the disk"
        );
        disk.content.by.insert(template);
    }

    /// What must be so at every moment: the state before is there, as it was.
    pub(super) fn check(&self) {
        let present = Content {
            late: self.late,
            ..Content::of("present", OLD)
        };
        let copies = self.copies.values().map(|copy| &copy.content);
        let disk = self.disk.iter().map(|disk| &disk.content);
        assert!(
            copies.chain(disk).any(|it| *it == present),
            "the state is lost"
        );
    }
}
