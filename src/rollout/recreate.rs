//! A new VM of the release that a deployment runs; and the end of any rollout that was cut short.

use std::time::Duration;

use anyhow::{Context, Result};
use gce::Image;

use super::intent::Intent;
use super::migrating::ensure_not_migrating;
use super::observe::Seen;
use super::preview::Preview;
use super::replace::{Goal, plan, replace};
use super::replaced::Replaced;
use super::why::Why;
use super::{last, words};
use crate::fleet;
use crate::run::Run;
use crate::state;

/// Replaces the VM by one of `image` or, without one, of what it runs; a VM that is lost comes back with
/// its state. Without an image, a rollout under way is continued, whatever verb began it.
pub async fn recreate(run: &Run, image: Option<Image>, timeout: Duration) -> Result<Replaced> {
    let goal = goal(run, image, timeout).await?;
    replace(run, goal).await
}

/// What [`recreate`] would do.
pub async fn plan_recreate(run: &Run, image: Option<Image>, timeout: Duration) -> Result<Preview> {
    let goal = goal(run, image, timeout).await?;
    plan(run, &goal).await
}

/// Refuses to create or start a VM while a rollout is under way, whose place it would take, or whose state
/// another gateway takes over.
pub async fn ensure_none(run: &Run) -> Result<()> {
    ensure_not_migrating(run).await?;
    match intent(run).await? {
        Some(intent) => Err(words::under_way(&intent).into()),
        None => Ok(()),
    }
}

/// The goal of a rollout under way, if there is one.
pub(super) async fn under_way(run: &Run) -> Result<Option<(Image, Option<String>)>> {
    match intent(run).await? {
        Some(intent) => Ok(Some((image_of(run, &intent).await?, intent.state))),
        None => Ok(None),
    }
}

/// What is written of a rollout: on the state disk, or, while a restore has deleted that, on its snapshot.
async fn intent(run: &Run) -> Result<Option<Intent>> {
    let labels = match state::disk(run).await? {
        Some(disk) => Some(disk.labels),
        None => state::restoring(run).await?.map(|snapshot| snapshot.labels),
    };
    Ok(labels
        .map(|labels| Intent::read(&labels))
        .transpose()?
        .flatten())
}

async fn goal(run: &Run, image: Option<Image>, timeout: Duration) -> Result<Goal> {
    let seen = Seen::look(run).await?;
    let under_way = seen.scene.intent().filter(|_| image.is_none());
    let image = match (image, under_way) {
        (Some(image), _) => image,
        (None, Some(intent)) => image_of(run, intent).await?,
        (None, None) => last::image(run, &seen).await?,
    };
    Ok(Goal {
        image,
        why: Why::Recreate,
        timeout,
        soak: Duration::ZERO,
        state: under_way.and_then(|intent| intent.state.clone()),
    })
}

/// The image that a rollout under way goes to.
async fn image_of(run: &Run, intent: &Intent) -> Result<Image> {
    let template = fleet::find_template(run, &intent.to).await?;
    let template = template.with_context(|| {
        format!(
            "a rollout to template {} is under way, and that template is gone: `clawbake recreate \
             --image NAME` begins another",
            intent.to
        )
    })?;
    last::image_of(run, &template).await
}
