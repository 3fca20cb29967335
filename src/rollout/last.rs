//! What a deployment runs, or ran last: from the VM, the lock, or the templates that are there.

use anyhow::{Context, Result};
use gce::{Image, InstanceTemplate};

use super::observe::Seen;
use super::template::{image_name, name, release};
use crate::fleet;
use crate::labels::TEMPLATE;
use crate::lock::Lock;
use crate::run::Run;

/// The template of the VM that is there or, where there is none, of the one that was there last.
pub(super) async fn template(run: &Run, seen: &Seen) -> Result<Option<InstanceTemplate>> {
    if let Some(instance) = &seen.instance {
        if let Some(name) = instance.labels.get(TEMPLATE)
            && let Some(template) = fleet::find_template(run, name).await?
        {
            return Ok(Some(template));
        }
        return match image_of_vm(run).await? {
            Some(image) => Ok(Some(fleet::ensure_template(run, &image).await?)),
            None => Ok(None),
        };
    }
    let named = Lock::load(&run.deployment.dir)?.and_then(|lock| lock.template);
    if let Some(name) = named
        && let Some(template) = fleet::find_template(run, &name).await?
    {
        return Ok(Some(template));
    }
    let wrote = seen.scene.disk.as_ref().and_then(|disk| disk.written);
    let mut templates = fleet::templates(run).await?.into_iter();
    Ok(templates.find(|it| wrote.is_some() && release(it).ok().flatten() == wrote))
}

/// The image that the VM was made of, by its boot disk.
async fn image_of_vm(run: &Run) -> Result<Option<Image>> {
    let cloud = &run.cloud;
    let disks = cloud.client.disks(&cloud.zone);
    let disk = disks.find(&run.deployment.name).await?;
    let source = disk.and_then(|disk| disk.source_image).unwrap_or_default();
    let image = source.rsplit('/').next().unwrap_or_default();
    match image {
        "" => Ok(None),
        image => Ok(cloud.client.images().find(image).await?),
    }
}

/// The image for a new VM of the same release: that of the VM, or of the one that was there last. Where
/// nobody knows it, the lock's, or the one in front of the family.
pub(super) async fn image(run: &Run, seen: &Seen) -> Result<Image> {
    if let Some(template) = template(run, seen).await? {
        return image_of(run, &template).await;
    }
    let images = run.cloud.client.images();
    if let Some(name) = Lock::load(&run.deployment.dir)?.and_then(|lock| lock.image)
        && let Some(image) = images.find(&name).await?
    {
        return Ok(image);
    }
    let family = &run.deployment.recipe.family;
    images.find_in_family(family).await?.with_context(|| {
        format!("nobody knows what ran, and the family {family} has no image: `--image` names one")
    })
}

/// A template's image.
pub(super) async fn image_of(run: &Run, template: &InstanceTemplate) -> Result<Image> {
    let (image, template) = (image_name(template), name(template)?);
    let image =
        image.with_context(|| format!("the template {template} does not name its image"))?;
    let found = run.cloud.client.images().find(image).await?;
    found.with_context(|| {
        format!("the image {image} of template {template} is gone: `--image` names another")
    })
}
