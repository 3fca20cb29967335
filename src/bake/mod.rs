//! From a recipe to an image in its family: build, publish without a family, boot test, promote.

mod boot_test;
mod bucket;
mod builder;
mod family;
mod image;
mod promotion;
mod publish;
mod source;
mod vm;

use std::path::Path;

use anyhow::{Context, Result};
use gce::Image;

use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::image::{Offline, Plan};
use crate::journal::{self, Journal, Resource};
use crate::paths;
use crate::progress::Progress;

pub use boot_test::{BootTestFailed, TEST_PREFIX, boot_test};
pub use bucket::{bucket, closed, expiry};
pub use builder::Builder;
pub use family::{Deprecated, Family, Member, Stays, Step};
pub use image::{GATEWAY_LABEL, RECIPE_LABEL, boot_test as boot_test_label, is_own, serves};
pub use promotion::{delete, observe, promote, rollback, used};
pub use publish::publish;
pub use source::{Draft, Source};

/// How far a bake goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// An image without a family, which has not been booted.
    Published,
    /// An image that has passed its boot test, in its family.
    Promoted,
}

/// Bakes the deployment's recipe: what exists already is not made again. `by` tells where an image
/// that does not exist is made.
pub async fn bake(
    deployment: &Deployment,
    cloud: &Cloud,
    builder: &Offline<'_>,
    by: Builder,
    until: Until,
    progress: &Progress,
) -> Result<Image> {
    let plan = builder.plan().await?;
    let image = match find(cloud, &plan.name, &plan.content()).await? {
        Some(image) => image,
        None => match by {
            Builder::Offline => {
                let built = builder.build(&plan, progress).await?;
                let draft = Draft::planned(&plan, Source::Archive(built.archive));
                publish_alone(deployment, cloud, &draft, progress).await?
            }
            Builder::Vm => {
                let dir = paths::journal()?;
                let mut journal = Journal::begin(&dir, "bake", &cloud.place)?;
                let made = publish_from_vm(deployment, cloud, &plan, &mut journal, progress).await;
                journal.settle(&cloud.client, made).await?
            }
        },
    };
    release(deployment, cloud, image, until, progress).await
}

/// Makes the disk in a VM, the image of the disk, and deletes the disk.
async fn publish_from_vm(
    deployment: &Deployment,
    cloud: &Cloud,
    plan: &Plan,
    journal: &mut Journal,
    progress: &Progress,
) -> Result<Image> {
    let disk = vm::build(deployment, cloud, plan, journal, progress).await?;
    let name = disk.rsplit('/').next().unwrap_or_default().to_owned();
    let draft = Draft::planned(plan, Source::Disk(disk));
    let image = publish(deployment, cloud, &draft, journal, progress).await?;
    // The disk has served: the image holds its bytes.
    let deleted = cloud.client.disks(&cloud.zone).delete(&name).await?;
    deleted
        .wait()
        .await
        .with_context(|| format!("deleting the builder's disk {name}"))?;
    Ok(image)
}

/// Publishes an archive that [`Offline::build`] made elsewhere, from the deployment's recipe.
pub async fn bake_archive(
    deployment: &Deployment,
    cloud: &Cloud,
    archive: &Path,
    until: Until,
    progress: &Progress,
) -> Result<Image> {
    let draft = Draft::archive(&deployment.recipe, archive).await?;
    let image = match find(cloud, &draft.name, &draft.content).await? {
        Some(image) => image,
        None => publish_alone(deployment, cloud, &draft, progress).await?,
    };
    release(deployment, cloud, image, until, progress).await
}

/// The image of that name, once VMs can be made of it.
async fn find(cloud: &Cloud, name: &str, content: &str) -> Result<Option<Image>> {
    let image = cloud.client.images().find(name).await?;
    let image = image.filter(image::ready);
    if let Some(image) = &image {
        image::ensure_made_of(image, content)?;
        // It is used from here on, though the bake that made it may have died before its end.
        let name = name.to_owned();
        let resource = Resource::Image { name };
        journal::keep(&paths::journal()?, &cloud.place, &[resource])?;
    }
    Ok(image)
}

/// Publishes in a run of its own.
async fn publish_alone(
    deployment: &Deployment,
    cloud: &Cloud,
    draft: &Draft,
    progress: &Progress,
) -> Result<Image> {
    let mut journal = Journal::begin(&paths::journal()?, "bake", &cloud.place)?;
    let published = publish(deployment, cloud, draft, &mut journal, progress).await;
    journal.settle(&cloud.client, published).await
}

async fn release(
    deployment: &Deployment,
    cloud: &Cloud,
    image: Image,
    until: Until,
    progress: &Progress,
) -> Result<Image> {
    let recipe = &deployment.recipe;
    let name = image.name.clone().context("an image without a name")?;
    if until == Until::Published {
        return Ok(image);
    }
    // What would not get in front need not be booted.
    let family = observe(cloud, recipe).await?;
    if family.promotion(&name, Deprecated::Stays).is_ok() {
        boot_test(deployment, cloud, image, progress).await?;
    }
    // Another image in front is no failure of this one, and has been said.
    let _ = promote(cloud, recipe, &name, Deprecated::Stays, progress).await?;
    Ok(cloud.client.images().get(&name).await?)
}
