//! Makes the state disk what it was at a snapshot.

use anyhow::{Context, Result, bail, ensure};
use gce::{Disk, Kind, Snapshot};

use super::marks::{self, Labels, Mark};
use super::steps::{Present, Seen, Step, next};
use super::{Why, disk, find, list};
use crate::fleet::{self, Counts};
use crate::journal::RUN_LABEL;
use crate::progress::{Outcome, Stage};
use crate::run::Run;

/// More steps than a restore can take, even if others change what it works on.
const STEPS: usize = 32;

/// What a restore has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The snapshot that was taken of the disk that there was.
    pub saved: Option<String>,
    /// Whether the disk had been made by an earlier run, which was cut short: since then, a VM may have
    /// written to it.
    pub before: bool,
}

/// Makes the state disk what it was at the snapshot; the disk that there is, if any, is saved first. No
/// VM may have it. The disk is created at most as large as the deployment says, or as large as it was.
///
/// It may be cut short at any point, and goes on when it is called again, here or on another machine.
/// Calling it for another snapshot leaves the first one.
pub async fn restore(run: &Run, snapshot: &Snapshot) -> Result<Restored> {
    let name = snapshot.name.as_deref().context("a snapshot has no name")?;
    let stage = run.progress.stage("state disk");
    let mut restored = Restored {
        saved: None,
        before: true,
    };
    let mut saved = None;
    for _ in 0..STEPS {
        let scene = Scene::look(run, name).await?;
        match next(scene.chosen_id()?, &scene.seen()?, saved)? {
            Step::Save => {
                let disk = scene.disk.as_ref().context("there is no disk any more")?;
                let taken = save(run, disk).await?;
                restored.saved.clone_from(&taken.name);
                saved = disk.id;
            }
            Step::Mark { over } => {
                let labels = marks::marked(
                    &scene.chosen.labels,
                    &scene.name,
                    over,
                    scene.rollout_labels(),
                );
                set_labels(run, &scene.chosen, &labels).await?;
            }
            Step::Release(other) => {
                let others = &mut scene.others.iter();
                let other = others.find(|it| it.name.as_ref() == Some(&other));
                let other = other.context("there is no such snapshot any more")?;
                set_labels(run, other, &marks::unmarked(&other.labels)).await?;
            }
            Step::Delete => {
                // The rollout may have become another run's since a run that died has marked the snapshot.
                let labels = scene.marked_anew();
                if labels == scene.chosen.labels {
                    delete(run, &scene, &stage).await?;
                } else {
                    set_labels(run, &scene.chosen, &labels).await?;
                }
            }
            Step::Create => {
                stage.note(format!("{} from {name}", scene.name));
                create(run, &scene.chosen).await?;
                restored.before = false;
            }
            Step::Unmark => {
                // If the run died that had made it, no clean-up after that may delete it from here on.
                run.keep(&[super::disk::resource(run)])?;
                if !disown(run, &scene).await? {
                    continue;
                }
                let labels = marks::unmarked(&scene.chosen.labels);
                if set_labels(run, &scene.chosen, &labels).await? || unmarked(run, &scene).await? {
                    stage.finish(Outcome::Done, format!("{} from {name}", scene.name));
                    return Ok(restored);
                }
            }
        }
    }
    bail!("somebody else changes the state disk and its snapshots meanwhile: try again")
}

/// Refuses a snapshot that nothing can be restored from.
pub fn ensure_ready(snapshot: &Snapshot) -> Result<()> {
    let status = snapshot.status.as_deref().unwrap_or_default();
    ensure!(
        status == "READY",
        "the snapshot {} is {status}: nothing can be restored from it",
        snapshot.name.as_deref().unwrap_or_default()
    );
    Ok(())
}

/// What is there.
struct Scene {
    /// The state disk's name.
    name: String,
    disk: Option<Disk>,
    chosen: Snapshot,
    /// Other snapshots that the disk is being restored from.
    others: Vec<Snapshot>,
}

impl Scene {
    async fn look(run: &Run, chosen: &str) -> Result<Self> {
        let name = fleet::state_disk_name(&run.deployment);
        // What a dead run has begun is seen when it is done.
        super::disk::resource(run).quiet(&run.cloud.client).await?;
        let disk = disk(run).await?;
        let chosen = find(run, chosen).await?;
        ensure_ready(&chosen)?;
        let others = list(run).await?.into_iter();
        let others = others
            .filter(|it| it.name != chosen.name && Mark::of(it, &name).is_some())
            .collect();
        Ok(Self {
            name,
            disk,
            chosen,
            others,
        })
    }

    fn chosen_id(&self) -> Result<u64> {
        self.chosen.id.context("the snapshot has no id")
    }

    fn seen(&self) -> Result<Seen> {
        let name = |it: &Snapshot| it.name.clone();
        Ok(Seen {
            disk: self.disk.as_ref().map(present).transpose()?,
            mark: Mark::of(&self.chosen, &self.name),
            others: self.others.iter().filter_map(name).collect(),
        })
    }

    /// What the marked snapshot has to say before the disk goes: the disk's rollout as it is now.
    fn marked_anew(&self) -> Labels {
        let over = Mark::of(&self.chosen, &self.name).and_then(|mark| mark.over);
        marks::marked(&self.chosen.labels, &self.name, over, self.rollout_labels())
    }

    /// Where it says which rollout is under way: on the disk, or, while there is none, on the snapshot
    /// that it was being restored from.
    fn rollout_labels(&self) -> &Labels {
        let snapshot = self.others.first().unwrap_or(&self.chosen);
        self.disk.as_ref().map_or(&snapshot.labels, |it| &it.labels)
    }
}

fn present(disk: &Disk) -> Result<Present> {
    let source = disk.source_snapshot_id.as_deref();
    let vm = |url: &String| url.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Present {
        id: disk.id.context("the state disk has no id")?,
        source: source.and_then(|id| id.parse().ok()),
        ready: disk.status.as_deref() == Some("READY"),
        user: disk.users.first().map(vm),
    })
}

/// The disk is no run's any more: if the run that made it died on another machine, a clean-up there would take
/// it for a leftover. `false` if somebody else has changed its labels meanwhile.
async fn disown(run: &Run, scene: &Scene) -> Result<bool> {
    let disk = scene.disk.as_ref().context("there is no disk any more")?;
    let mut labels = disk.labels.clone();
    if labels.remove(RUN_LABEL).is_none() {
        return Ok(true);
    }
    let fingerprint = disk.label_fingerprint.as_deref().unwrap_or_default();
    let disks = run.cloud.client.disks(&run.cloud.zone);
    match disks.set_labels(&scene.name, &labels, fingerprint).await {
        Ok(pending) => Ok(pending.wait().await.map(|_| true)?),
        Err(error) if error.kind == Kind::PreconditionFailed => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the mark is gone: a change of labels whose answer was lost is told as somebody else's.
async fn unmarked(run: &Run, scene: &Scene) -> Result<bool> {
    let name = scene.chosen.name.as_deref().unwrap_or_default();
    let now = find(run, name).await?;
    Ok(Mark::of(&now, &scene.name).is_none())
}

/// Saves the disk that is to go.
async fn save(run: &Run, disk: &Disk) -> Result<Snapshot> {
    let mut journal = run.journal("restore")?;
    let counts = Counts::default();
    let taken = super::snapshot::take_of(run, disk, Why::Restore, &counts, &mut journal).await;
    let taken = taken.and_then(|taken| {
        ensure!(
            super::list::is_of(&taken, disk),
            "the state disk has been replaced meanwhile: try again"
        );
        Ok(taken)
    });
    journal.settle(&run.cloud.client, taken).await
}

/// Sets a snapshot's labels; `false` if somebody else has changed them meanwhile.
async fn set_labels(run: &Run, snapshot: &Snapshot, labels: &Labels) -> Result<bool> {
    let name = snapshot.name.as_deref().unwrap_or_default();
    let fingerprint = snapshot.label_fingerprint.as_deref().unwrap_or_default();
    let snapshots = run.cloud.client.snapshots();
    match snapshots.set_labels(name, labels, fingerprint).await {
        Ok(pending) => {
            pending.wait().await?;
            Ok(true)
        }
        Err(error) if error.kind == Kind::PreconditionFailed => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn delete(run: &Run, scene: &Scene, stage: &Stage) -> Result<()> {
    stage.note(format!("deleting {}", scene.name));
    super::disk::resource(run)
        .delete(&run.cloud.client)
        .await
        .map(drop)?;
    Ok(())
}

/// Makes the disk. It stays although the restore has not come to its end: the mark says what it is.
async fn create(run: &Run, chosen: &Snapshot) -> Result<()> {
    let cloud = &run.cloud;
    let mut journal = run.journal("restore")?;
    let made = async {
        let policy = fleet::policy(run).await?;
        let blank = fleet::state_disk(&run.deployment, cloud, policy, &journal.label());
        let disk = Disk {
            size_gb: blank.size_gb.max(chosen.disk_size_gb),
            labels: marks::of_restored(chosen, &blank.labels),
            source_snapshot: chosen.self_link.clone(),
            ..blank
        };
        let resource = super::disk::resource(run);
        let disks = cloud.client.disks(&cloud.zone);
        journal
            .create(&cloud.client, resource, disks.insert(&disk))
            .await
    };
    let made = made.await;
    journal.settle(&cloud.client, made).await
}
