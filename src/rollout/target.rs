//! What a rebuild finds: what is new, what is in front, what runs.

use anyhow::Result;
use gce::Image;

use super::course::{Course, News, Place, Situation, course};
use super::options::Options;
use super::{Gate, Refused};
use crate::bake::{self, Family, GATEWAY_LABEL, Memory};
use crate::fleet;
use crate::release::Version;
use crate::run::Run;
use crate::updates::{self, Held, Update, Verdict};

/// What is there before the first gate.
#[derive(Debug)]
pub(super) struct Found {
    /// What is new.
    pub verdict: Verdict,
    /// The image in front of the family.
    pub front: Option<Image>,
    /// Name of the image that the VM was made of, if there is a VM.
    pub runs: Option<String>,
    /// Where that is in the family.
    pub place: Place,
}

/// What is to be done about what was found.
#[derive(Debug)]
pub(super) enum Way {
    /// These gates are to come.
    Gates(Vec<Gate>),
    /// What is new is refused, or what is in front; and the release to remember that of.
    Refused(Refused, Option<Version>),
}

impl Found {
    /// A rollout that was begun before is gone on with before anything else.
    pub(super) fn under_way(image: Image) -> Self {
        Self {
            verdict: Verdict::Nothing {
                version: version(&image),
            },
            runs: None,
            place: Place::None,
            front: Some(image),
        }
    }

    /// What is to be done.
    pub(super) fn way(&self, options: &Options) -> Way {
        let refused = self.refused();
        let news = match (self.update(), &refused) {
            (Some(_), _) => News::Some,
            (None, Some(_)) => News::Refused,
            (None, None) => News::None,
        };
        let memory = self.front.as_ref().map(Memory::of).unwrap_or_default();
        let front_failed = memory.refused.is_some() && memory.refused == self.current();
        let course = course(Situation {
            news,
            vm: self.place,
            front_failed: front_failed && !options.retry,
            replace: options.replace,
        });
        match (course, refused) {
            (Course::Gates(gates), _) => Way::Gates(gates),
            (Course::Refused, Some((refused, release))) => Way::Refused(refused, release),
            (Course::Refused | Course::FrontFailed, _) => Way::Refused(self.front_failed(), None),
        }
    }

    /// The image in front is not for the VM.
    fn front_failed(&self) -> Refused {
        let name = |image: &Image| image.name.clone();
        Refused {
            gate: Gate::Check,
            why: format!(
                "{} is in front of its family, and its release has failed: `clawbake rebuild --retry` tries \
                 it again, `clawbake rollback` goes back",
                self.front.as_ref().and_then(name).unwrap_or_default()
            ),
        }
    }

    /// The release to go to, if one is new.
    pub(super) fn update(&self) -> Option<&Update> {
        match &self.verdict {
            Verdict::New(update) => Some(update),
            _ => None,
        }
    }

    /// Why what is new is refused, and the release that it is; none if nothing is new, or if somebody
    /// wants it so.
    fn refused(&self) -> Option<(Refused, Option<Version>)> {
        let Verdict::Held { stopped, held } = &self.verdict else {
            return None;
        };
        let why = self.verdict.to_string();
        if stopped.is_some() {
            let gate = Gate::Check;
            return Some((Refused { gate, why }, None));
        }
        held.iter().find_map(|Held { version, reason }| {
            let gate = match reason.gate() {
                "engines" => Gate::Engines,
                "schema" => Gate::Schema,
                "failed" | "rolled-back" | "down" => Gate::Check,
                // Pinned, ignored, too young: that is no failure.
                _ => return None,
            };
            let why = format!("{version}: {reason}");
            let version = (gate != Gate::Check).then_some(*version);
            Some((Refused { gate, why }, version))
        })
    }

    /// The version in front.
    pub(super) fn current(&self) -> Option<Version> {
        version(self.front.as_ref()?)
    }

    /// The version that it is about: the new one, or the one in front.
    pub(super) fn release(&self) -> Option<Version> {
        let update = self.update().map(|update| update.version);
        update.or_else(|| self.current())
    }

    /// What is new, one line each.
    pub(super) fn news(&self) -> Vec<String> {
        let changes = self.update().into_iter().flat_map(|it| &it.changes);
        changes.map(ToString::to_string).collect()
    }

    /// What the check has come to, in words.
    pub(super) fn words(&self) -> String {
        match (self.update(), &self.runs) {
            (Some(update), _) => update.version.to_string(),
            (None, Some(image)) if self.place == Place::Ahead => format!(
                "{}; the VM runs {image}, which is newer than what is in front: `clawbake rollback` goes back",
                self.verdict
            ),
            (None, Some(image)) => format!("{}; the VM runs {image}", self.verdict),
            (None, None) => format!("{}; there is no VM", self.verdict),
        }
    }
}

fn version(image: &Image) -> Option<Version> {
    Version::of_label(image.labels.get(GATEWAY_LABEL)?)
}

/// Looks at the releases, the family and the VM.
pub(super) async fn look(run: &Run, options: &Options) -> Result<Found> {
    let recipe = &run.deployment.recipe;
    let verdict = updates::check(run, options.retry).await?;
    let images = run.cloud.client.images();
    let front = images.find_in_family(&recipe.family).await?;
    let runs = image_of_vm(run).await?;
    let family = bake::observe(&run.cloud, recipe).await?;
    let name = front.as_ref().and_then(|it| it.name.as_deref());
    Ok(Found {
        place: place(&family, name, runs.as_deref()),
        verdict,
        front,
        runs,
    })
}

/// Where the image of the VM is.
fn place(family: &Family, front: Option<&str>, runs: Option<&str>) -> Place {
    let at = |name: &str| family.members().iter().position(|it| it.name == name);
    match (front, runs) {
        (_, None) => Place::None,
        (None, _) => Place::Front,
        (Some(front), Some(runs)) if front == runs => Place::Front,
        // The newest is the first.
        (Some(front), Some(runs)) => match (at(runs), at(front)) {
            (Some(runs), Some(front)) if runs < front => Place::Ahead,
            _ => Place::Behind,
        },
    }
}

/// The run with a recipe that pins a version.
pub(super) fn pinned(run: &Run, version: Option<Version>) -> Run {
    let mut deployment = run.deployment.clone();
    let release = &mut deployment.recipe.gateway.release;
    release.version = version.or(release.version);
    run.with(deployment)
}

/// Name of the image that the deployment's VM was made of: the source of its boot disk.
pub(super) async fn image_of_vm(run: &Run) -> Result<Option<String>> {
    if fleet::find(run).await?.is_none() {
        return Ok(None);
    }
    let disks = run.cloud.client.disks(&run.cloud.zone);
    let disk = disks.find(&run.deployment.name).await?;
    let source = disk.and_then(|disk| disk.source_image).unwrap_or_default();
    let name = source.rsplit('/').next().unwrap_or_default();
    Ok(Some(name.to_owned()))
}
