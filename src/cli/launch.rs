//! `clawbake launch`

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use gce::Image;

use super::deployment_file::DeploymentFile;
use super::ready::{Timeout, announce, wait};
use super::terminal;
use crate::bake;
use crate::fleet;
use crate::lock::FILE_NAME;
use crate::rollout;
use crate::run::Run;
use crate::state;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Use the image NAME instead of the lock's
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// Return as soon as the VM is created
    #[arg(long, conflicts_with = "minutes")]
    no_wait: bool,
    /// Take over a state disk filled by another deployment
    #[arg(long)]
    adopt_state: bool,
    /// Fill a blank state disk from FILE, which `state export` wrote
    #[arg(long, value_name = "FILE", conflicts_with = "adopt_state")]
    import: Option<PathBuf>,
    #[command(flatten)]
    timeout: Timeout,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    let missing = fleet::missing(&run.deployment, &run.cloud).await?;
    if !missing.is_empty() {
        bail!(
            "these secrets do not exist: {}; `clawbake secrets set NAME` or `clawbake secrets generate NAME` makes one",
            missing.join(", ")
        );
    }
    rollout::ensure_none(&run).await?;
    let image = image(&run, args.image.as_deref()).await?;
    let instance = match &args.import {
        Some(file) => state::import(&run, &image, file).await?,
        None => fleet::launch(&run, &image, args.adopt_state).await?,
    };
    if args.no_wait {
        return Ok(());
    }
    wait(&run, &instance, args.timeout.duration()).await?;
    announce(&run).await
}

/// The image of this name, or the one that the lock names, or the one in front of the family.
pub(super) async fn image(run: &Run, name: Option<&str>) -> Result<Image> {
    let images = run.cloud.client.images();
    if let Some(name) = name {
        return Ok(images.get(name).await?);
    }
    if let Some(name) = locked(run)? {
        return images.find(&name).await?.with_context(|| {
            format!("{FILE_NAME} names the image {name}, which does not exist: `clawbake bake` makes one")
        });
    }
    let family = &run.deployment.recipe.family;
    let front = images.find_in_family(family).await?;
    front.with_context(|| format!("the family {family} has no image: `clawbake bake` makes one"))
}

/// The image that the deployment's lock names.
fn locked(run: &Run) -> Result<Option<String>> {
    let lock = bake::locked(&run.deployment, &run.progress)?;
    Ok(lock
        .and_then(|lock| lock.image)
        .map(|name| name.to_string()))
}
