//! Into the family and out of front: looks at the family, takes one step, looks again.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use gce::{DeprecationStatus, Image, Kind};

use super::family::{Deprecated, Family, Stays, Step};
use crate::cloud::Cloud;
use crate::progress::{Outcome, Progress};
use crate::recipe::Recipe;

/// How often a step is taken that does not show: what was just changed may be read late.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// The family of a recipe, as it is now.
pub async fn observe(cloud: &Cloud, recipe: &Recipe) -> Result<Family> {
    let images = cloud.client.images().list(None).await?;
    Family::among(&images, &recipe.family, &recipe.name)
}

/// Puts an image in front of its family, unless a newer one is there. What stays in front instead is
/// no error, and said in `progress`; the result is whether the image is in front.
pub async fn promote(
    cloud: &Cloud,
    recipe: &Recipe,
    image: &str,
    deprecated: Deprecated,
    progress: &Progress,
) -> Result<Result<(), Stays>> {
    let stage = progress.stage("family");
    let plan = |family: &Family| family.promotion(image, deprecated);
    match carry_out(cloud, recipe, plan).await? {
        Ok(steps) => {
            stage.finish(
                outcome(steps),
                format!("{image} is in front of {}", recipe.family),
            );
            Ok(Ok(()))
        }
        Err(stays) => {
            stage.finish(Outcome::Cached, stays.to_string());
            Ok(Err(stays))
        }
    }
}

/// Puts an older image in front of its family.
pub async fn rollback(
    cloud: &Cloud,
    recipe: &Recipe,
    image: &str,
    progress: &Progress,
) -> Result<()> {
    let stage = progress.stage("family");
    let steps = carry_out(cloud, recipe, |family| family.rollback(image)).await??;
    stage.finish(
        outcome(steps),
        format!("{image} is in front of {}", recipe.family),
    );
    Ok(())
}

fn outcome(steps: usize) -> Outcome {
    if steps == 0 {
        Outcome::Cached
    } else {
        Outcome::Done
    }
}

/// Takes the first step of the plan for the family as it is, until there is none; how many there were.
/// Somebody else may change the family at any time, so that every step is decided anew.
async fn carry_out(
    cloud: &Cloud,
    recipe: &Recipe,
    plan: impl Fn(&Family) -> Result<Vec<Step>, Stays>,
) -> Result<Result<usize, Stays>> {
    let (mut taken, mut last, mut attempts) = (0, None, 0);
    loop {
        let step = match plan(&observe(cloud, recipe).await?) {
            Ok(steps) => steps.into_iter().next(),
            Err(stays) => return Ok(Err(stays)),
        };
        let Some(step) = step else {
            return Ok(Ok(taken));
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

/// Names of the project's images that a disk, and so a VM, or an instance template was made from.
pub async fn used(cloud: &Cloud) -> Result<BTreeSet<String>> {
    let project = format!("projects/{}/global/images/", cloud.client.project_id());
    let own = |link: String| Some(link.split_once(&project)?.1.to_owned());
    let disks = cloud.client.all_disks().await?;
    let templates = cloud.client.instance_templates().await?;
    let attached = templates
        .into_iter()
        .filter_map(|template| template.properties)
        .flat_map(|properties| properties.disks)
        .filter_map(|disk| disk.initialize_params?.source_image);
    let sources = disks.into_iter().filter_map(|disk| disk.source_image);
    Ok(sources.chain(attached).filter_map(own).collect())
}

/// Deletes an image.
pub async fn delete(cloud: &Cloud, image: &str) -> Result<()> {
    cloud.client.images().delete(image).await?.wait().await?;
    Ok(())
}

/// Sets one label of an image and leaves the others, whoever changes them meanwhile.
pub(super) async fn label(cloud: &Cloud, name: &str, key: &str, value: &str) -> Result<Image> {
    let images = cloud.client.images();
    let mut attempts = 0;
    loop {
        let image = images.get(name).await?;
        let mut labels = image.labels.clone();
        labels.insert(key.to_owned(), value.to_owned());
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
