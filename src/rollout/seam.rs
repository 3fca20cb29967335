//! What other rooms will do for a rollout.

use anyhow::Result;
use gce::Image;

use crate::lock::Lock;
use crate::run::Run;

/// The deployment's lock.
pub(super) fn lock(_run: &Run) -> Result<Option<Lock>> {
    Ok(None)
}

/// Writes down what runs.
pub(super) fn save(run: &Run, image: &Image, template: &str) -> Result<()> {
    let (Some(mut lock), Some(_)) = (Lock::of_image(image), lock_before(run)?) else {
        return Ok(());
    };
    lock.template = template.parse().ok();
    Ok(())
}

fn lock_before(run: &Run) -> Result<Option<Lock>> {
    lock(run)
}
