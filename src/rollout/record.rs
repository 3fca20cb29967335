//! The lock says what runs.

use std::path::Path;

use anyhow::Result;
use gce::Image;

use crate::lock::{FILE_NAME, Lock};
use crate::progress::Outcome;
use crate::run::Run;

/// Makes image and template those of the deployment's lock, if it has one. A rollout that is at its end
/// does not fail for want of it.
pub(super) fn record(run: &Run, image: &Image, template: &str) {
    let stage = run.progress.stage("lock");
    match update(&run.deployment.dir, image, template) {
        Ok(None) => stage.finish(Outcome::Cached, format!("nothing to change in {FILE_NAME}")),
        Ok(Some(version)) => stage.finish(Outcome::Done, format!("{version} in {FILE_NAME}")),
        Err(error) => stage.finish(Outcome::Done, format!("it says something else: {error:#}")),
    }
}

/// Returns the version of a lock that was changed.
fn update(dir: &Path, image: &Image, template: &str) -> Result<Option<String>> {
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
    // An image from elsewhere does not say what is in it.
    let Some(mut new) = known else {
        return Ok(None);
    };
    new.image = name.and_then(|name| name.parse().ok());
    new.template = template.parse().ok();
    if new == old {
        return Ok(None);
    }
    new.save(dir)?;
    Ok(Some(new.gateway.version.to_string()))
}
