//! What the labels of a state disk and its snapshots say (pure).

use std::collections::BTreeMap;

use gce::{Disk, Snapshot};

use super::Why;
use crate::fleet::Counts;
use crate::journal::RUN_LABEL;
use crate::labels::{self, MIGRATION_KEYS, ROLLOUT_KEYS};

pub(super) type Labels = BTreeMap<String, String>;

/// What only a snapshot says.
const SNAPSHOT: [&str; 4] = [
    labels::COUNTS,
    labels::WHY,
    labels::RESTORING,
    labels::RESTORING_OVER,
];

fn without(labels: &Labels, keys: &[&str]) -> Labels {
    let kept = labels.iter().filter(|(key, _)| !keys.contains(&&***key));
    kept.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Labels of a new snapshot: those of its disk, but for the rollout or migration that the disk is in, and
/// what the snapshot is for.
pub(super) fn of_snapshot(
    disk: &Disk,
    why: Why,
    counts: &Counts,
    run: &(String, String),
) -> Labels {
    let mut labels = without(&without(&disk.labels, &ROLLOUT_KEYS), &SNAPSHOT);
    labels = without(&labels, &MIGRATION_KEYS);
    labels.insert(labels::WHY.to_owned(), why.label().to_owned());
    if !counts.is_empty() {
        labels.insert(labels::COUNTS.to_owned(), counts.label());
    }
    labels.extend([run.clone()]);
    labels
}

/// Labels of a disk that is made from a snapshot, besides those that every state disk has: `own`. A
/// rollout that was under way on the disk before it goes on.
pub(super) fn of_restored(snapshot: &Snapshot, own: &Labels) -> Labels {
    let mut labels = without(&snapshot.labels, &SNAPSHOT);
    labels.extend(own.clone());
    labels
}

/// A restore under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The id of the disk that is to go; none if there was no disk.
    pub over: Option<u64>,
}

impl Mark {
    /// The mark on a snapshot that the disk of this name is being restored from.
    pub(super) fn of(snapshot: &Snapshot, disk: &str) -> Option<Self> {
        let own = snapshot.labels.get(labels::RESTORING)? == disk;
        let over = snapshot.labels.get(labels::RESTORING_OVER);
        own.then(|| Self {
            over: over.and_then(|id| id.parse().ok()),
        })
    }
}

/// A snapshot's labels once the disk of this name is being restored from it. While there is no disk, the
/// rollout that is under way is kept there: `rollout` has the labels of the disk, or of a snapshot that
/// was marked before.
pub(super) fn marked(snapshot: &Labels, disk: &str, over: Option<u64>, rollout: &Labels) -> Labels {
    // Nor may the clean-up after whoever took it delete what may be all that there is of a state.
    let mut labels = without(&without(snapshot, &ROLLOUT_KEYS), &[RUN_LABEL]);
    let under_way = ROLLOUT_KEYS
        .iter()
        .filter_map(|key| rollout.get_key_value(*key));
    labels.extend(under_way.map(|(key, value)| (key.clone(), value.clone())));
    labels.insert(labels::RESTORING.to_owned(), disk.to_owned());
    match over {
        Some(id) => labels.insert(labels::RESTORING_OVER.to_owned(), id.to_string()),
        None => labels.remove(labels::RESTORING_OVER),
    };
    labels
}

/// The same once it is restored.
pub(super) fn unmarked(snapshot: &Labels) -> Labels {
    let marks = [labels::RESTORING, labels::RESTORING_OVER];
    without(&without(snapshot, &ROLLOUT_KEYS), &marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_rollout_survives_a_restore_and_a_snapshot_tells_of_none() {
        let disk = Disk {
            labels: labels(&[
                ("clawbake-deployment", "d"),
                (labels::GATEWAY, "2026-9-6"),
                (labels::ROLLOUT, "created"),
                (labels::ROLLOUT_TO, "template-b"),
                ("team", "blue"),
            ]),
            ..Disk::default()
        };
        let run = |id: &str| (RUN_LABEL.to_owned(), id.to_owned());
        let counts = "cron-1_sessions-4".parse().unwrap();
        let mut before = Snapshot {
            labels: of_snapshot(&disk, Why::Change, &counts, &run("r1")),
            ..Snapshot::default()
        };
        assert_eq!(
            before.labels,
            labels(&[
                ("clawbake-deployment", "d"),
                (labels::GATEWAY, "2026-9-6"),
                (labels::WHY, "before-change"),
                (labels::COUNTS, "cron-1_sessions-4"),
                (RUN_LABEL, "r1"),
                ("team", "blue"),
            ])
        );
        before.labels = marked(&before.labels, "d-state", Some(7), &disk.labels);
        assert_eq!(Mark::of(&before, "d-state"), Some(Mark { over: Some(7) }));
        assert_eq!(Mark::of(&before, "other-state"), None);
        let restored = of_restored(&before, &[run("r2")].into());
        let mut expected = disk.labels.clone();
        expected.extend([run("r2")]);
        assert_eq!(restored, expected);
        let after = unmarked(&before.labels);
        assert!(!after.contains_key(labels::ROLLOUT) && !after.contains_key(labels::RESTORING));
        assert_eq!(after[labels::COUNTS], "cron-1_sessions-4");
        let lost = marked(&before.labels, "d-state", None, &Labels::new());
        assert!(!lost.contains_key(labels::RESTORING_OVER) && !lost.contains_key(labels::ROLLOUT));
    }
}
