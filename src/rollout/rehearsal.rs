//! The rehearsal: a VM of a new image on a copy of the real state has to become ready, and to find there
//! what the VM before counted, before anything touches the state itself. docs/design/rehearsal.md says
//! why it is done so.
//!
//! ```text
//! counts of the running VM ─▶ snapshot ─▶ disk ─▶ VM, its network shut ─▶ ready? ─▶ its counts ─▶ verdict
//!                                └──────── all of it is deleted, whatever comes of it ────────┘
//! ```

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use gce::{Disk, Image};

use crate::bake;
use crate::fleet::{self, Adopt, Counts, Flaw, Lost, NoAnswer, Trial};
use crate::journal::Journal;
use crate::labels::REHEARSAL;
use crate::progress::{Outcome, Stage};
use crate::run::Run;
use crate::state;
use crate::vm::{self, Request};

/// How long a gateway may take to count; under full emulation that is minutes.
const PATIENCE: Duration = Duration::from_mins(5);

/// An image that failed its rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RehearsalFailed {
    /// The image.
    pub image: String,
    /// What is wrong with it on this state.
    pub flaw: Flaw,
}

impl fmt::Display for RehearsalFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, flaw } = self;
        write!(
            f,
            "the image {image} failed its rehearsal on a copy of the state: {flaw}\n\
             VM and state were not touched"
        )
    }
}

impl std::error::Error for RehearsalFailed {}

/// How a rehearsal ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rehearsed {
    /// Nothing was lost of what was counted before, if anything was.
    Passed(Option<Counts>),
    /// It has passed before, on this state.
    Before,
    /// There is no state to try it on.
    NoState,
}

impl fmt::Display for Rehearsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(Some(counts)) => write!(f, "passed: {counts}"),
            Self::Passed(None) => f.write_str("passed; nothing is counted"),
            Self::Before => f.write_str("has passed before"),
            Self::NoState => f.write_str("no state yet to rehearse on"),
        }
    }
}

/// Tries an image on a copy of the deployment's state, unless it has passed before. The verdict becomes
/// a label of the image. Everything else that the rehearsal has created is deleted at its end.
///
/// # Errors
/// [`RehearsalFailed`] if the gateway does not become ready on the copy, or has lost something of it.
pub async fn rehearse(run: &Run, image: &Image) -> Result<Rehearsed> {
    rehearse_on(run, run, Adopt::Clone, image).await
}

/// [`rehearse`] on a copy of another deployment's state, which is that of another gateway.
pub async fn rehearse_migration(run: &Run, from: &Run, image: &Image) -> Result<Rehearsed> {
    rehearse_on(run, from, Adopt::GatewayClone, image).await
}

async fn rehearse_on(run: &Run, from: &Run, adopt: Adopt, image: &Image) -> Result<Rehearsed> {
    let stage = run.progress.stage("rehearsal");
    let name = image.name.clone().context("an image without a name")?;
    let Some(disk) = state::disk(from).await? else {
        stage.finish(Outcome::Cached, Rehearsed::NoState.to_string());
        return Ok(Rehearsed::NoState);
    };
    if image.labels.get(REHEARSAL) == Some(&verdict(true, &disk)) {
        stage.finish(Outcome::Cached, format!("{name} has passed"));
        return Ok(Rehearsed::Before);
    }
    let mut journal = run.journal("rehearsal")?;
    let tried = attempt(run, from, adopt, image, &mut journal, &stage).await;
    stage.note("deleting the VM, its copy of the state and its secrets");
    let failed = |flaw| RehearsalFailed {
        image: name.clone(),
        flaw,
    };
    let result = tried.and_then(|tried| tried.map_err(|flaw| failed(flaw).into()));
    match journal.undo(&run.cloud.client, result).await {
        Ok(counts) => {
            bake::label(&run.cloud, &name, &[(REHEARSAL, &verdict(true, &disk))]).await?;
            let rehearsed = Rehearsed::Passed(counts);
            stage.finish(Outcome::Done, rehearsed.to_string());
            Ok(rehearsed)
        }
        Err(error) if error.is::<RehearsalFailed>() => {
            let failed = verdict(false, &disk);
            match bake::label(&run.cloud, &name, &[(REHEARSAL, &failed)]).await {
                Ok(_) => Err(error),
                Err(unlabelled) => Err(error.context(format!(
                    "its label could not be set to {failed}: {unlabelled:#}"
                ))),
            }
        }
        Err(error) => Err(error),
    }
}

/// The rehearsal itself: what the new gateway counts, or what is wrong with it.
async fn attempt(
    run: &Run,
    from: &Run,
    adopt: Adopt,
    image: &Image,
    journal: &mut Journal,
    stage: &Stage,
) -> Result<Result<Option<Counts>, Flaw>> {
    // Before the copy is made: what comes meanwhile is in the copy, and no loss.
    let before = counted(from, stage).await?;
    let mut trial = Trial::prepare(run, journal).await?;
    let counts = before.clone().unwrap_or_default();
    let snapshot = state::take(from, state::Why::Rehearsal, &counts, journal).await?;
    let snapshot = snapshot
        .self_link
        .context("a snapshot without a selfLink")?;
    trial.clone_state(&snapshot, adopt, journal).await?;
    let again = if adopt == Adopt::Clone {
        "`clawbake rebuild` tries it again"
    } else {
        "`clawbake migrate` tries it again"
    };
    let report = trial.boot(image, again, journal, stage).await?;
    if let Err(flaw) = report {
        return Ok(Err(flaw));
    }
    let after = fleet::counts(&run.cloud, trial.name()).await?;
    Ok(compare(before.as_ref(), after))
}

/// What the running gateway has, as it says now or at its last start.
async fn counted(run: &Run, stage: &Stage) -> Result<Option<Counts>> {
    let name = &run.deployment.name;
    let Some(instance) = fleet::find(run).await? else {
        stage.note("no VM says what the state holds");
        return Ok(None);
    };
    if instance.status.as_deref() != Some("RUNNING") {
        stage.note(format!(
            "{name} does not run, and does not say what its state holds"
        ));
        return Ok(None);
    }
    stage.note(format!("asking {name} what its state holds"));
    match vm::ask(&run.cloud, name, Request::Counts, PATIENCE, stage).await {
        Ok(answer) => Ok(answer.counts),
        Err(error) if error.is::<NoAnswer>() => {
            stage.note(format!("{error:#}; what it counted at its start has to do"));
            fleet::counts(&run.cloud, name).await
        }
        Err(error) => Err(error),
    }
}

/// The new gateway's counts, if nothing is missing from what was counted before.
fn compare(before: Option<&Counts>, after: Option<Counts>) -> Result<Option<Counts>, Flaw> {
    let nothing = Counts::default();
    let before = before.unwrap_or(&nothing);
    let lost = before.lost(after.as_ref().unwrap_or(&nothing));
    if lost.is_empty() {
        return Ok(after);
    }
    let lost: Vec<_> = lost.iter().map(Lost::to_string).collect();
    Err(Flaw {
        why: format!(
            "it is ready, and part of the state is gone: {}",
            lost.join("; ")
        ),
        serial: String::new(),
    })
}

/// The label's value: it holds for this very state disk.
fn verdict(passed: bool, disk: &Disk) -> String {
    let word = if passed { bake::PASSED } else { bake::FAILED };
    format!("{word}-{}", disk.id.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(label: &str) -> Counts {
        label.parse().unwrap()
    }

    #[test]
    fn fewer_sessions_fail_it_and_more_do_not() {
        let before = counts("cron-1_sessions-4");
        let kept = counts("cron-1_devices-2_sessions-5");
        assert_eq!(
            compare(Some(&before), Some(kept.clone())),
            Ok(Some(kept.clone()))
        );
        let half = compare(Some(&before), Some(counts("cron-1_sessions-2"))).unwrap_err();
        assert_eq!(
            half.why,
            "it is ready, and part of the state is gone: sessions: 2 of 4 are left"
        );
        // A gateway that counts nothing any more has not proved anything.
        let silent = compare(Some(&before), None).unwrap_err();
        assert!(
            silent.why.contains("cron: none is counted"),
            "{}",
            silent.why
        );
        // Where nobody counted before, nothing can be missing.
        assert_eq!(compare(None, Some(kept.clone())), Ok(Some(kept)));
        assert_eq!(compare(None, None), Ok(None));
    }

    #[test]
    fn a_verdict_holds_for_one_state_disk() {
        let disk = |id| Disk {
            id: Some(id),
            ..Disk::default()
        };
        assert_eq!(verdict(true, &disk(7)), "passed-7");
        assert_ne!(verdict(true, &disk(7)), verdict(true, &disk(8)));
        let largest = verdict(false, &disk(u64::MAX));
        assert!(
            largest.parse::<crate::names::LabelValue>().is_ok(),
            "{largest}"
        );
    }
}
