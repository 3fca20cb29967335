//! Changes which image is in front of its family: looks at the family, takes one step, looks again.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gce::{DeprecationStatus, Image, Kind};

use super::family::{Deprecated, Family, Obstacle, Step};
use super::memory::{Memory, Refusal, back, forward};
use crate::cloud::Cloud;
use crate::journal::RUN_LABEL;
use crate::progress::Outcome;
use crate::recipe::Recipe;
use crate::run::Run;

/// How often a step is repeated that does not show: reads may lag behind changes.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// The family of a recipe, as it is now.
pub async fn observe(cloud: &Cloud, recipe: &Recipe) -> Result<Family> {
    let images = cloud.client.images().list(None).await?;
    Family::among(&images, &recipe.family, &recipe.name)
}

/// Puts an image in front of its family. It remembers what the one before it did, as far as that still holds.
///
/// # Errors
/// [`Obstacle`] if another image stays in front. Then progress has said so already.
pub async fn promote(run: &Run, image: &str, deprecated: Deprecated) -> Result<()> {
    let stage = run.progress.stage("family");
    let plan = |family: &Family| family.promotion(image, deprecated);
    match carry_out(run, image, plan, forward).await {
        Ok(steps) => stage.finish(outcome(steps), in_front(run, image)),
        Err(error) => {
            if let Some(obstacle) = error.downcast_ref::<Obstacle>() {
                stage.finish(Outcome::Cached, obstacle.to_string());
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Puts an older image in front of its family, which remembers that what is left is refused.
pub async fn rollback(run: &Run, image: &str, by: &Refusal) -> Result<()> {
    let stage = run.progress.stage("family");
    let plan = |family: &Family| family.rollback(image);
    let steps = carry_out(run, image, plan, |front, before| back(front, before, by)).await?;
    stage.finish(outcome(steps), in_front(run, image));
    Ok(())
}

fn in_front(run: &Run, image: &str) -> String {
    format!("{image} is in front of {}", run.deployment.recipe.family)
}

fn outcome(steps: usize) -> Outcome {
    if steps == 0 {
        Outcome::Cached
    } else {
        Outcome::Done
    }
}

/// Takes the first step of the plan until there is none left, and returns how many it took. Others may
/// change the family at any time, so every step is planned anew. What the image will have to remember is
/// written on it before it is in front.
async fn carry_out(
    run: &Run,
    image: &str,
    plan: impl Fn(&Family) -> Result<Vec<Step>, Obstacle>,
    memory: impl Fn(&Image, &Image) -> Memory,
) -> Result<usize> {
    let (cloud, recipe) = (&run.cloud, &run.deployment.recipe);
    let images = cloud.client.images().list(None).await?;
    let family = Family::among(&images, &recipe.family, &recipe.name)?;
    plan(&family)?;
    if let Some(front) = family.front().filter(|front| front.name != image) {
        let named = |name: &str| {
            let found = images.iter().find(|it| it.name.as_deref() == Some(name));
            found.with_context(|| format!("the image {name} is gone"))
        };
        let memory = memory(named(&front.name)?, named(image)?);
        relabel(cloud, image, |labels| memory.write(labels)).await?;
    }
    let (mut taken, mut last, mut attempts) = (0, None, 0);
    loop {
        let steps = plan(&observe(cloud, recipe).await?)?;
        let step = steps.into_iter().next();
        let Some(step) = step else {
            return Ok(taken);
        };
        if last.as_ref() == Some(&step) {
            attempts += 1;
            ensure!(
                attempts < ATTEMPTS,
                "Compute Engine accepted it, and yet it is not so: {step}; delete that image and bake it again"
            );
            tokio::time::sleep(PAUSE).await;
        } else {
            (taken, attempts) = (taken + 1, 0);
        }
        take(cloud, recipe, &step).await?;
        last = Some(step);
    }
}

async fn take(cloud: &Cloud, recipe: &Recipe, step: &Step) -> Result<()> {
    let images = cloud.client.images();
    let pending = match step {
        Step::Enter(image) => images.set_family(image, &recipe.family).await?,
        Step::Restore(image) => {
            let active = DeprecationStatus::default();
            images.deprecate(image, &active).await?
        }
        Step::Deprecate { image, replacement } => {
            let status = DeprecationStatus {
                state: Some("DEPRECATED".into()),
                replacement: images.get(replacement).await?.self_link,
                ..DeprecationStatus::default()
            };
            images.deprecate(image, &status).await?
        }
    };
    pending.wait().await?;
    Ok(())
}

/// Sets labels of an image and keeps the others, even if they change meanwhile.
pub async fn label(cloud: &Cloud, name: &str, set: &[(&str, &str)]) -> Result<Image> {
    let pair = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    relabel(cloud, name, |labels| labels.extend(set.iter().map(pair))).await
}

/// The image in front of the family remembers something from now on.
pub async fn remember(run: &Run, change: impl Fn(&Memory) -> Memory) -> Result<()> {
    let (images, family) = (run.cloud.client.images(), &run.deployment.recipe.family);
    let Some(front) = images.find_in_family(family).await? else {
        return Ok(());
    };
    let memory = change(&Memory::of(&front));
    let name = front.name.unwrap_or_default();
    let remembered = relabel(&run.cloud, &name, |labels| memory.write(labels)).await;
    remembered.map(drop)
}

/// Changes labels of an image, looking again when somebody else changes them meanwhile. One that somebody has
/// judged is no dead run's leftover any more, on whatever machine that run was: its label goes.
async fn relabel(
    cloud: &Cloud,
    name: &str,
    change: impl Fn(&mut BTreeMap<String, String>),
) -> Result<Image> {
    let images = cloud.client.images();
    let mut attempts = 0;
    loop {
        let image = images.get(name).await?;
        let mut labels = image.labels.clone();
        change(&mut labels);
        labels.remove(RUN_LABEL);
        if labels == image.labels {
            return Ok(image);
        }
        let fingerprint = image.label_fingerprint.as_deref().unwrap_or_default();
        attempts += 1;
        match images.set_labels(name, &labels, fingerprint).await {
            Ok(pending) => drop(pending.wait().await?),
            Err(error) if error.kind == Kind::PreconditionFailed && attempts < ATTEMPTS => continue,
            Err(error) => return Err(error.into()),
        }
        return Ok(images.get(name).await?);
    }
}
