//! What a deployment's lock holds, as far as its recipe admits it.

use anyhow::Result;

use crate::deployment::Deployment;
use crate::image::Plan;
use crate::lock::{self, Lock};
use crate::progress::{Outcome, Progress};
use crate::release::{Registry, Web};

/// The deployment's lock, if there is one that its recipe admits. Where they disagree the recipe counts,
/// and progress says so.
pub fn locked(deployment: &Deployment, progress: &Progress) -> Result<Option<Lock>> {
    let lock = Lock::load(&deployment.dir)?;
    let release = &deployment.recipe.gateway.release;
    let (admitted, refused) = match lock {
        Some(lock) if release.admits(&lock.gateway.npm, lock.gateway.version) => (Some(lock), None),
        lock => (None, lock),
    };
    if let Some(Lock { gateway, .. }) = refused {
        progress.stage("lock").finish(
            Outcome::Done,
            format!(
                "{} holds {} {}, the recipe says {} {}: the recipe counts",
                lock::FILE_NAME,
                gateway.npm,
                gateway.version,
                release.npm,
                release.wanted()
            ),
        );
    }
    Ok(admitted)
}

/// What a bake of the deployment makes: the version that the recipe names, else the lock's, else the one that
/// npm offers on the recipe's channel.
pub async fn plan(deployment: &Deployment, progress: &Progress) -> Result<Plan> {
    let (recipe, release) = (&deployment.recipe, &deployment.recipe.gateway.release);
    let held = locked(deployment, progress)?.map(|lock| lock.gateway.version);
    let version = if let Some(version) = release.version.or(held) {
        version
    } else {
        let web = Web::new()?;
        let registry = Registry::from_environment(web.clone());
        let source = &release.source;
        let feed = source.feed(&web, &registry, &release.npm, release.channel);
        source.offered(&feed.await?, &release.npm, release.channel)?
    };
    // Node and npm are the lock's even where its gateway is not the recipe's.
    let lock = Lock::load(&deployment.dir)?;
    Plan::resolve(recipe, version, lock.as_ref()).await
}
