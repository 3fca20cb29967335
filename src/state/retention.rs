//! Which snapshots go.

use std::collections::BTreeSet;

use anyhow::Result;
use gce::Snapshot;

use super::{Why, list};
use crate::journal::Resource;
use crate::labels;
use crate::progress::Outcome;
use crate::run::Run;

/// Deletes snapshots that were taken on the way of changes, beyond those that the deployment keeps, and
/// returns their names. What was asked for and what a schedule makes stays.
pub async fn retain(run: &Run) -> Result<Vec<String>> {
    let snapshots = list(run).await?;
    let disk = super::disk(run).await?;
    let images = run.cloud.client.images().list(None).await?;
    let own = disk.map(|disk| disk.labels).unwrap_or_default();
    let under_way = [labels::ROLLOUT_SNAPSHOT, labels::ROLLOUT_STATE];
    let under_way = under_way.map(|key| own.get(key).map(String::as_str));
    let versions = images
        .iter()
        .filter_map(|image| image.labels.get(labels::GATEWAY).map(String::as_str))
        .collect();
    let keep = usize::try_from(run.deployment.state.keep_changes)?;
    let surplus = surplus(&snapshots, keep, &under_way, &versions);
    let names: Vec<_> = surplus.into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        return Ok(names);
    }
    let stage = run.progress.stage("snapshots");
    for name in &names {
        stage.note(format!("deleting {name}"));
        let name = name.clone();
        Resource::Snapshot { name }
            .delete(&run.cloud.client)
            .await?;
    }
    stage.finish(Outcome::Done, format!("{} old ones deleted", names.len()));
    Ok(names)
}

/// Names of the snapshots that go, of a state's snapshots, newest first. The newest `keep` stay that
/// were taken on the way of changes, and so do: those that a rollout `under_way` or a restore may go
/// back to, and the newest one of each of the `versions` that there is an image of.
fn surplus<'a>(
    snapshots: &'a [Snapshot],
    keep: usize,
    under_way: &[Option<&str>],
    versions: &BTreeSet<&str>,
) -> Vec<&'a str> {
    let label = |it: &'a Snapshot, key: &str| it.labels.get(key).map(String::as_str);
    let ready = |it: &Snapshot| it.status.as_deref() == Some("READY");
    let mut of_version = BTreeSet::new();
    let mut newer = 0;
    let mut surplus = Vec::new();
    for snapshot in snapshots.iter().filter(|it| ready(it)) {
        let why = label(snapshot, labels::WHY).and_then(|text| text.parse::<Why>().ok());
        let version = label(snapshot, labels::GATEWAY).filter(|it| versions.contains(it));
        let way_back = why.is_some_and(Why::is_a_way_back)
            && version.is_some_and(|version| of_version.insert(version));
        if !why.is_some_and(Why::passes) {
            continue;
        }
        newer += 1;
        let name = snapshot.name.as_deref().unwrap_or_default();
        let needed =
            under_way.contains(&Some(name)) || label(snapshot, labels::RESTORING).is_some();
        if newer > keep && !way_back && !needed {
            surplus.push(name);
        }
    }
    surplus
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(name: &str, why: &str, version: &str) -> Snapshot {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Snapshot {
            name: Some(name.into()),
            status: Some("READY".into()),
            labels: [pair(labels::WHY, why), pair(labels::GATEWAY, version)].into(),
            ..Snapshot::default()
        }
    }

    #[test]
    fn the_newest_of_changes_stay_and_every_way_back() {
        let change = |name: &str, version: &str| snapshot(name, "before-change", version);
        let mut all = vec![
            change("c9", "2026-9-6"),
            snapshot("asked", "asked", "2026-9-4"),
            change("c8", "2026-9-6"),
            change("c7", "2026-9-5"),
            change("c6", "2026-9-5"),
            snapshot("r5", "before-restore", "2026-9-4"),
            change("c4", "2026-9-3"),
            change("c3", "2026-9-2"),
            snapshot("odd", "of-a-later-clawbake", "2026-9-2"),
            change("c1", "2026-9-1"),
        ];
        all[4].labels.insert(labels::RESTORING.into(), "d".into());
        let images = ["2026-9-3", "2026-9-4", "2026-9-5", "2026-9-6"].into();
        // r5: the newest of its version is the one that was asked for. c4: the only way back to 9.3.
        assert_eq!(surplus(&all, 2, &[], &images), ["r5", "c3", "c1"]);
        assert_eq!(surplus(&all, 2, &[None, Some("c3")], &images), ["r5", "c1"]);
        assert_eq!(surplus(&all, 7, &[], &images), ["c1"]);
        assert_eq!(surplus(&all, 8, &[], &images), [""; 0]);
        let nothing = BTreeSet::new();
        let all_but_marked = ["c9", "c8", "c7", "r5", "c4", "c3", "c1"];
        assert_eq!(surplus(&all, 0, &[], &nothing), all_but_marked);
        all[9].status = Some("CREATING".into());
        assert_eq!(surplus(&all, 7, &[], &images), [""; 0]);
    }
}
