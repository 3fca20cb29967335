//! Back to an older release: VM, lock and family; and the state, where the older release could not read
//! the present one.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use gce::{Image, Snapshot};
use jiff::Timestamp;

use super::gate::{Gate, Refused};
use super::observe::Seen;
use super::preview::Preview;
use super::replace::{Goal, plan, replace};
use super::replaced::Replaced;
use super::template::image_name;
use super::why::Why;
use super::words;
use crate::bake::{self, Family, Refusal};
use crate::fleet::{self, Written};
use crate::labels::{GATEWAY, IMAGE, TEMPLATE, WHY};
use crate::release::Version;
use crate::run::Run;
use crate::state;

/// What to go back to.
#[derive(Debug, Clone)]
pub struct Back {
    /// The release; the one of the image before by default.
    pub to: Option<Version>,
    /// Whether the state goes back too.
    pub with_state: bool,
    /// How long to wait for the gateway, for each of its starts.
    pub timeout: Duration,
}

/// An image to go back to, and a state.
#[derive(Debug, Clone)]
pub struct Chosen {
    image: Image,
    state: Option<State>,
    /// Whether the VM is of that image already.
    there: bool,
    /// The VM's template, where it says so.
    template: Option<String>,
    timeout: Duration,
}

/// A state to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    snapshot: String,
    taken: Timestamp,
    written: Option<Written>,
}

/// What is lost with it.
impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = self.image.name.as_deref().unwrap_or_default();
        write!(f, "back to {image}, ")?;
        let Some(State {
            snapshot,
            taken,
            written,
        }) = &self.state
        else {
            return f.write_str("with the present state");
        };
        let age = words::age(*taken, Timestamp::now());
        write!(f, "with the state of {age} ago (snapshot {snapshot}")?;
        if let Some(written) = written {
            write!(f, ", written by {written}")?;
        }
        f.write_str("): what came after is kept in a snapshot of its own, and is not in this state")
    }
}

/// Chooses what to go back to. Nothing is changed.
///
/// # Errors
/// [`Refused`] if the older release cannot read the state and the state is to stay.
pub async fn choose(run: &Run, back: &Back) -> Result<Chosen> {
    let seen = Seen::look(run).await?;
    if seen.disk.is_none() && seen.scene.intent().is_none() {
        bail!(words::without_state(&run.deployment, &seen.snapshots));
    }
    let images = run.cloud.client.images().list(None).await?;
    let recipe = &run.deployment.recipe;
    let family = Family::among(&images, &recipe.family, &recipe.name)?;
    let under_way = under_way(run, &seen).await?;
    let begun = under_way.as_ref().filter(|it| it.why == Why::Rollback);
    let name = match begun.filter(|_| back.to.is_none()) {
        // The family may have gone back already.
        Some(begun) => begun.image.clone(),
        None => target(&family, &images, back.to)?,
    };
    // What could not be done at the end is not begun.
    family.rollback(&name)?;
    let image = named(&images, &name).context("the image is gone")?.clone();
    let state = match under_way.filter(|it| it.image == name) {
        Some(UnderWay {
            state: Some(snapshot),
            ..
        }) => Some(as_state(&state::find(run, &snapshot).await?)?),
        Some(_) => None,
        None => {
            let release = Written::of(&image.labels)?;
            let before = seen.scene.disk.as_ref().and_then(|disk| disk.written);
            state_for(release, before, back.with_state, &seen.snapshots)?
        }
    };
    let label = |key: &str| seen.instance.as_ref().and_then(|it| it.labels.get(key));
    Ok(Chosen {
        there: label(IMAGE) == Some(&name) && seen.scene.intent().is_none() && !back.with_state,
        template: label(TEMPLATE).cloned(),
        image,
        state,
        timeout: back.timeout,
    })
}

impl Chosen {
    /// The steps. Nothing is changed, but for a template that may be made.
    pub async fn plan(&self, run: &Run) -> Result<Preview> {
        let mut preview = if self.there {
            Preview::default()
        } else {
            plan(run, &self.goal()).await?
        };
        let (image, family) = (self.image_name(), &run.deployment.recipe.family);
        preview
            .steps
            .push(format!("put {image} in front of the family {family}"));
        Ok(preview)
    }

    /// Goes back: the VM, and at the end of its rollout family and lock. `None` if the VM was there already,
    /// and only those had to go.
    pub async fn go(&self, run: &Run) -> Result<Option<Replaced>> {
        if !self.there {
            return Ok(Some(Box::pin(replace(run, self.goal())).await?));
        }
        let person = Refusal::person(Timestamp::now());
        bake::rollback(run, self.image_name(), &person).await?;
        bake::follow(run, &self.image, self.template.as_deref());
        Ok(None)
    }

    fn image_name(&self) -> &str {
        self.image.name.as_deref().unwrap_or_default()
    }

    fn goal(&self) -> Goal {
        Goal {
            image: self.image.clone(),
            why: Why::Rollback,
            timeout: self.timeout,
            soak: Duration::ZERO,
            state: self.state.as_ref().map(|state| state.snapshot.clone()),
        }
    }
}

/// Where a rollout under way goes.
struct UnderWay {
    why: Why,
    image: String,
    /// Name of the snapshot whose state it gives to the new VM.
    state: Option<String>,
}

async fn under_way(run: &Run, seen: &Seen) -> Result<Option<UnderWay>> {
    let Some(intent) = seen.scene.intent() else {
        return Ok(None);
    };
    let template = fleet::find_template(run, &intent.to).await?;
    let image = template.as_ref().and_then(image_name);
    Ok(image.map(|image| UnderWay {
        why: intent.why,
        image: image.to_owned(),
        state: intent.state.clone(),
    }))
}

fn named<'a>(images: &'a [Image], name: &str) -> Option<&'a Image> {
    images.iter().find(|it| it.name.as_deref() == Some(name))
}

/// Name of the image to go back to.
fn target(family: &Family, images: &[Image], to: Option<Version>) -> Result<String> {
    let Some(version) = to else {
        return Ok(family.before()?.name.clone());
    };
    let is = |name: &str| {
        let labels = named(images, name).map(|it| &it.labels);
        labels.and_then(|labels| labels.get(GATEWAY)) == Some(&version.label())
    };
    let mut members = family.members().iter().filter(|it| it.entered);
    let found = members.find(|it| is(&it.name));
    found.map(|it| it.name.clone()).ok_or_else(|| {
        anyhow!(
            "the family has no image of {version}: `clawbake images list` shows those that it has"
        )
    })
}

/// The state for a release, if it is not the present one, which `before` wrote.
fn state_for(
    release: Option<Written>,
    before: Option<Written>,
    with_state: bool,
    snapshots: &[Snapshot],
) -> Result<Option<State>> {
    let fitting = snapshots.iter().find(|it| fits(it, release));
    if with_state {
        let found = fitting.context(
            "there is no snapshot of a state that this release can read: \
             `clawbake state list` shows those that there are",
        )?;
        return Ok(Some(as_state(found)?));
    }
    match (before, release) {
        (Some(before), Some(release)) if !release.may_follow(&before) => {
            let remedy = match fitting.map(as_state).transpose()? {
                Some(State { taken, .. }) => format!(
                    "`--with-state` goes back with the state of {} ago",
                    words::age(taken, Timestamp::now())
                ),
                None => "and there is no snapshot from before".to_owned(),
            };
            Err(Refused {
                gate: Gate::Schema,
                why: format!(
                    "{before} wrote the state, which {release} cannot be trusted to read: {remedy}"
                ),
            }
            .into())
        }
        _ => Ok(None),
    }
}

/// Whether a release can go back to this snapshot: it was taken to be gone back to, and the release reads it.
fn fits(snapshot: &Snapshot, release: Option<Written>) -> bool {
    let written = Written::of(&snapshot.labels).unwrap_or_default();
    let reads = release.zip(written);
    let why = snapshot.labels.get(WHY).and_then(|why| why.parse().ok());
    snapshot.status.as_deref() == Some("READY")
        && why.is_some_and(state::Why::is_a_way_back)
        && reads.is_some_and(|(release, written)| release.may_follow(&written))
}

fn as_state(snapshot: &Snapshot) -> Result<State> {
    let name = snapshot.name.clone().context("a snapshot has no name")?;
    let taken = snapshot.creation_timestamp.as_deref().unwrap_or_default();
    Ok(State {
        taken: taken
            .parse()
            .with_context(|| format!("reading when snapshot {name} was taken"))?,
        written: Written::of(&snapshot.labels)?,
        snapshot: name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(version: &str, schema: &str) -> Written {
        Written {
            version: version.parse().unwrap(),
            schema: Some(schema.parse().unwrap()),
        }
    }

    fn snapshot(name: &str, by: Written, why: &str, status: &str) -> Snapshot {
        let mut labels = [(WHY.to_owned(), why.to_owned())].into();
        by.write(&mut labels);
        Snapshot {
            name: Some(name.into()),
            status: Some(status.into()),
            creation_timestamp: Some("2026-11-01T02:00:00.000-07:00".into()),
            labels,
            ..Snapshot::default()
        }
    }

    #[test]
    fn the_state_goes_back_only_when_told_and_only_to_what_the_release_reads() {
        let (old, new) = (written("2026.9.4", "17-19"), written("2026.9.6", "18-23"));
        let snapshots = [
            snapshot("of-new", new, "before-change", "READY"),
            snapshot("half", old, "before-change", "UPLOADING"),
            snapshot("in-place-of-another", old, "before-restore", "READY"),
            snapshot("of-old", old, "before-change", "READY"),
            snapshot("older", old, "before-change", "READY"),
        ];
        let state = |release, before, with_state| {
            let state = state_for(Some(release), Some(before), with_state, &snapshots);
            state.map(|state| state.map(|state| state.snapshot))
        };
        assert_eq!(state(old, new, true).unwrap().as_deref(), Some("of-old"));
        assert_eq!(state(new, new, true).unwrap().as_deref(), Some("of-new"));
        assert_eq!(state(old, old, false).unwrap(), None);
        let refused = state(old, new, false).unwrap_err();
        let refused: Refused = refused.downcast().unwrap();
        assert_eq!(refused.gate, Gate::Schema);
        assert!(
            refused.why.contains("`--with-state` goes back"),
            "{refused}"
        );
        assert!(state_for(Some(old), Some(new), true, &snapshots[..3]).is_err());
        let refused = state_for(Some(old), Some(new), false, &snapshots[..3]).unwrap_err();
        assert!(refused.to_string().contains("no snapshot from before"));
        // Nobody can tell: the guest's own gate is left.
        assert_eq!(state_for(None, Some(new), false, &snapshots).unwrap(), None);
    }
}
