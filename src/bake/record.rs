//! The deployment's lock says what is in front of the family, and what runs.

use std::path::Path;

use anyhow::{Context, Result};
use gce::Image;

use crate::lock::{FILE_NAME, Gateway, Lock};
use crate::progress::Outcome;
use crate::run::Run;

/// Makes a lock the deployment's. The template stays while the image does.
pub fn record(run: &Run, lock: &Lock) -> Result<()> {
    let dir = &run.deployment.dir;
    let old = Lock::load(dir)?;
    let mut new = lock.clone();
    if let Some(old) = &old
        && old.image == new.image
    {
        new.template.clone_from(&old.template);
    }
    if old.as_ref() == Some(&new) {
        return Ok(());
    }
    new.save(dir)?;
    let stage = run.progress.stage("lock");
    for line in old.iter().flat_map(|old| old.diff(&new)) {
        stage.note(line);
    }
    let Gateway { npm, version, .. } = &new.gateway;
    stage.finish(Outcome::Done, format!("{npm} {version} in {FILE_NAME}"));
    Ok(())
}

/// Makes an image, and the template that the VM of it was made from, those of the deployment's lock, if it has
/// one. What has come to its end does not fail for want of it.
pub fn follow(run: &Run, image: &Image, template: Option<&str>) {
    let stage = run.progress.stage("lock");
    match update(&run.deployment.dir, image, template) {
        Ok(None) => stage.finish(Outcome::Cached, format!("nothing to change in {FILE_NAME}")),
        Ok(Some(version)) => stage.finish(Outcome::Done, format!("{version} in {FILE_NAME}")),
        Err(error) => stage.finish(Outcome::Done, format!("it says something else: {error:#}")),
    }
}

/// Returns the version of a lock that was changed.
fn update(dir: &Path, image: &Image, template: Option<&str>) -> Result<Option<String>> {
    let Some(old) = Lock::load(dir)? else {
        return Ok(None);
    };
    let name = image.name.as_deref();
    let same = old.image.as_deref() == name;
    let known = if same {
        Some(old.clone())
    } else {
        Lock::of_image(image)
    };
    let known = known.with_context(|| {
        format!(
            "the image {} does not say what is in it",
            name.unwrap_or_default()
        )
    });
    let mut new = known?;
    new.image = name.and_then(|name| name.parse().ok());
    if let Some(template) = template {
        new.template = template.parse().ok();
    }
    if new == old {
        return Ok(None);
    }
    new.save(dir)?;
    Ok(Some(new.gateway.version.to_string()))
}
