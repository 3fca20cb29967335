//! From a recipe to an image in front of its family.
//!
//! ```text
//! plan ──▶ draft ──▶ image ──▶ front
//!      │         │         └── boot test, then promotion into the family
//!      │         └── upload and insert, without a family
//!      └── a builder: on this machine or in a VM
//! ```
//!
//! A [`Plan`] is the recipe with every source resolved. It names the image by what goes into it, so
//! that an image that exists is not made again. A builder turns the plan into a [`Draft`]: an image's
//! names, and where the bytes of its disk are. An archive that was built elsewhere is a draft too.
//! [`publish`] makes the image. It belongs to no family yet, so nothing is launched from it. The
//! [`boot_test`] launches a throw-away VM from it, and [`promote`] puts it in front of its family,
//! where `launch` finds it.

mod boot_test;
mod builder;
mod draft;
mod family;
mod image;
mod locked;
mod memory;
mod promotion;
mod prune;
mod publish;
mod record;
mod vm;

use std::path::Path;

use anyhow::{Context, Result};
use gce::Image;

use crate::image::cache::Cache;
use crate::image::{Offline, Plan};
use crate::journal::{Journal, Resource};
use crate::lock::Lock;
use crate::paths;
use crate::run::Run;

pub use boot_test::{BootTestFailed, boot_test};
pub use builder::Builder;
pub use draft::{Draft, Source};
pub use family::{Deprecated, Family, Member, Obstacle, Step};
pub use image::{FAILED, GATEWAY_LABEL, PASSED, RECIPE_LABEL, is_own, serves, verdict};
pub use locked::{locked, plan};
pub use memory::{LIMIT, Memory, Refusal};
pub use promotion::{label, observe, promote, remember, rollback};
pub use prune::{delete, used};
pub use publish::publish;
pub use record::{follow, record};

/// How far a bake goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// An image without a family, which has not been booted.
    Published,
    /// An image that has passed its boot test, in its family.
    Promoted,
}

/// Bakes the deployment's recipe. What exists is not made again. Once the image is in front of its family,
/// the deployment's lock names it.
pub async fn bake(run: &Run, builder: Builder, until: Until) -> Result<Image> {
    ensure_recordable(run, until)?;
    let plan = plan(&run.deployment, &run.progress).await?;
    let image = publish_plan(run, &plan, builder).await?;
    front(run, image, Some(&plan.lock), until).await
}

/// The image of a plan, published and not tested. What exists is not made again.
pub async fn publish_plan(run: &Run, plan: &Plan, builder: Builder) -> Result<Image> {
    match find(run, &plan.name, &plan.content()).await? {
        Some(image) => Ok(image),
        None => make(run, plan, builder).await,
    }
}

/// Publishes an archive that [`Offline::build`] made elsewhere, from the deployment's recipe.
pub async fn bake_archive(run: &Run, archive: &Path, until: Until) -> Result<Image> {
    ensure_recordable(run, until)?;
    let lock = locked(&run.deployment, &run.progress)?;
    let draft = Draft::archive(&run.deployment.recipe, lock, archive).await?;
    let image = match find(run, &draft.name, &draft.content).await? {
        Some(image) => image,
        None => publish_alone(run, &draft).await?,
    };
    front(run, image, draft.lock.as_ref(), until).await
}

/// The image of that name, if it is READY.
async fn find(run: &Run, name: &str, content: &str) -> Result<Option<Image>> {
    let image = run.cloud.client.images().find(name).await?;
    let image = image.filter(image::ready);
    if let Some(image) = &image {
        image::ensure_made_of(image, content)?;
        let name = name.to_owned();
        run.keep(&[Resource::Image { name }])?;
    }
    Ok(image)
}

/// Makes the image of a plan.
async fn make(run: &Run, plan: &Plan, builder: Builder) -> Result<Image> {
    match builder {
        Builder::Offline => {
            let cache = Cache::open(&paths::cache()?)?;
            let offline = Offline::new(&plan.recipe, &cache);
            let built = offline.build(plan, &run.progress).await?;
            publish_alone(run, &Draft::planned(plan, Source::Archive(built.archive))).await
        }
        Builder::Vm => {
            let mut journal = run.journal("bake")?;
            let made = make_in_vm(run, plan, &mut journal).await;
            journal.settle(&run.cloud.client, made).await
        }
    }
}

async fn make_in_vm(run: &Run, plan: &Plan, journal: &mut Journal) -> Result<Image> {
    let disk = vm::build(run, plan, journal).await?;
    publish(run, &Draft::planned(plan, Source::Disk(disk)), journal).await
}

/// Publishes with a journal of its own.
async fn publish_alone(run: &Run, draft: &Draft) -> Result<Image> {
    let mut journal = run.journal("bake")?;
    let published = publish(run, draft, &mut journal).await;
    journal.settle(&run.cloud.client, published).await
}

/// Fails if the lock could not be written at the end.
fn ensure_recordable(run: &Run, until: Until) -> Result<()> {
    match until {
        Until::Published => Ok(()),
        Until::Promoted => Lock::ensure_writable(&run.deployment.dir),
    }
}

/// Tests the image and puts it in front of its family, as far as the bake goes; then its lock is the
/// deployment's.
async fn front(run: &Run, image: Image, lock: Option<&Lock>, until: Until) -> Result<Image> {
    if until == Until::Published {
        return Ok(image);
    }
    let name = image.name.clone().context("an image without a name")?;
    // An image that would not get to the front need not be tested.
    let family = observe(&run.cloud, &run.deployment.recipe).await?;
    if family.promotion(&name, Deprecated::Stays).is_ok() {
        boot_test(run, image).await?;
    }
    match promote(run, &name, Deprecated::Stays).await {
        // That another image stays in front is no failure, and `promote` has said it.
        Err(error) if error.is::<Obstacle>() => {}
        promoted => {
            promoted?;
            if let Some(lock) = lock {
                record(run, lock)?;
            }
        }
    }
    Ok(run.cloud.client.images().get(&name).await?)
}
