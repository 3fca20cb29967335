//! The boot test: a throw-away VM from the new image, with its own secrets and state disk, has to become
//! ready before the image may enter its family.

use std::fmt;

use anyhow::{Context, Result};
use gce::Image;

use super::image::{self, BOOT_TEST_LABEL, FAILED, PASSED};
use super::promotion::label;
use crate::fleet::{Flaw, Trial};
use crate::progress::Outcome;
use crate::run::Run;

/// An image whose gateway failed the test.
#[derive(Debug)]
pub struct BootTestFailed {
    /// The image.
    pub image: String,
    /// What is wrong with it.
    pub flaw: Flaw,
}

impl fmt::Display for BootTestFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, flaw } = self;
        write!(
            f,
            "the image {image} failed its boot test: {flaw}\n\
             the image is kept, and not promoted: `clawbake images promote {image}` tests it again, \
             `clawbake images prune` deletes it once a newer one is in front"
        )
    }
}

impl std::error::Error for BootTestFailed {}

/// Boots a VM from the image, unless the image has passed before. The verdict becomes a label of the
/// image. Everything else that the test has created is deleted at its end.
///
/// # Errors
/// [`BootTestFailed`] if the gateway does not become ready or accepts a wrong token, or if the value of
/// a secret leaks. The image is kept, without a family.
pub async fn boot_test(run: &Run, image: Image) -> Result<Image> {
    let name = image.name.clone().context("an image without a name")?;
    let (cloud, stage) = (&run.cloud, run.progress.stage("boot test"));
    if image::verdict(&image) == Some(PASSED) {
        stage.finish(Outcome::Cached, format!("{name} has passed"));
        return Ok(image);
    }
    let mut journal = run.journal("boot-test")?;
    let tried = async {
        let trial = Trial::prepare(run, &mut journal).await?;
        let again = format!("`clawbake images promote {name}` tests it again");
        trial.boot(&image, &again, &mut journal, &stage).await
    }
    .await;
    stage.note("deleting the VM, its disk and secrets");
    let failed = |flaw| BootTestFailed {
        image: name.clone(),
        flaw,
    };
    let result = tried.and_then(|tried| tried.map_err(|flaw| failed(flaw).into()));
    match journal.undo(&cloud.client, result).await {
        Ok(_) => {
            let image = label(cloud, &name, &[(BOOT_TEST_LABEL, PASSED)]).await?;
            stage.finish(Outcome::Done, format!("{name} has passed"));
            Ok(image)
        }
        Err(error) if error.is::<BootTestFailed>() => {
            match label(cloud, &name, &[(BOOT_TEST_LABEL, FAILED)]).await {
                Ok(_) => Err(error),
                Err(unlabelled) => Err(error.context(format!(
                    "its label could not be set to {FAILED}: {unlabelled:#}"
                ))),
            }
        }
        Err(error) => Err(error),
    }
}
