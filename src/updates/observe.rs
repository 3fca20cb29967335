//! Looks at all that decides about an update.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;

use super::decide::Observed;
use crate::bake::Memory;
use crate::fleet;
use crate::image;
use crate::labels;
use crate::lock::Lock;
use crate::release::{Registry, Version, Web};
use crate::run::Run;

pub(super) async fn observe(run: &Run) -> Result<Observed> {
    let (recipe, cloud) = (&run.deployment.recipe, &run.cloud);
    let stage = run.progress.stage("updates");
    stage.note("looking at npm and Debian's archive");
    let web = Web::new()?;
    let registry = Registry::from_environment(web.clone());
    let release = &recipe.gateway.release;
    let front = async {
        let images = cloud.client.images();
        Ok(images.find_in_family(&recipe.family).await?)
    };
    let disk = async {
        let disks = cloud.client.disks(&cloud.zone);
        let name = fleet::state_disk_name(&run.deployment);
        Ok(disks.find(&name).await?)
    };
    let (feed, [node, npm], debian, front, disk) = tokio::try_join!(
        release
            .source
            .feed(&web, &registry, &release.npm, release.channel),
        image::newest_tools(recipe, &registry),
        image::debian_archive(&web, recipe.base.suite()),
        front,
        disk,
    )?;
    if release.version.is_none() {
        release
            .source
            .offered(&feed, &release.npm, release.channel)?;
    }
    if let Some(version) = release.version {
        ensure!(
            feed.candidates.contains_key(&version),
            "npm has no version {version} of {}, which is pinned",
            release.npm
        );
    }
    let lock = Lock::load(&run.deployment.dir)?;
    let lock = lock.or_else(|| front.as_ref().and_then(Lock::of_image));
    let label = |key| front.as_ref().and_then(|image| image.labels.get(key));
    let current = match &lock {
        Some(lock) => Some(lock.gateway.version),
        None => label(labels::GATEWAY).and_then(|it| Version::of_label(it)),
    };
    // The state may have been written by a newer release than the lock's.
    let written = disk
        .as_ref()
        .and_then(|disk| disk.labels.get(labels::SCHEMA));
    let written = written.map(|label| label.parse());
    let written = written.transpose().ok().context(
        "the state disk's label clawbake-schema cannot be read: a newer clawbake may have written it",
    )?;
    let locked = lock.as_ref().and_then(|lock| lock.gateway.schema);
    stage.finish(
        crate::progress::Outcome::Done,
        format!(
            "{} releases of {}, {} skipped",
            feed.candidates.len(),
            release.npm,
            feed.skipped
        ),
    );
    Ok(Observed {
        current,
        schema: written.or(locked),
        lock,
        memory: front.as_ref().map(Memory::of).unwrap_or_default(),
        feed,
        node: node.version,
        npm: npm.version,
        debian,
        now: Timestamp::now(),
    })
}
