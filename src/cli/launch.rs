//! `clawbake launch`

use anyhow::{Context, Result, bail};

use super::ready::{Timeout, announce, wait};
use super::{DeploymentFile, terminal};
use crate::cloud::Cloud;
use crate::fleet;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// An image by name, instead of the family's newest
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// Return once the VM is made, for scripts that watch `status` themselves
    #[arg(long, conflicts_with = "minutes")]
    no_wait: bool,
    /// Take over a state disk that another deployment, or somebody else, has filled
    #[arg(long)]
    adopt_state: bool,
    #[command(flatten)]
    timeout: Timeout,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let deployment = args.deployment.load()?;
    let progress = terminal::progress();
    let cloud = Cloud::connect(&deployment.target, &progress).await?;
    let missing = fleet::missing(&deployment, &cloud).await?;
    if !missing.is_empty() {
        bail!(
            "these secrets do not exist: {}; `clawbake secrets set NAME` or `clawbake secrets generate NAME` makes one",
            missing.join(", ")
        );
    }
    let family = &deployment.recipe.family;
    let images = cloud.client.images();
    let image = match &args.image {
        Some(name) => images.get(name).await?,
        None => images.find_in_family(family).await?.with_context(|| {
            format!("the family {family} has no image: `clawbake bake` makes one")
        })?,
    };
    let instance = fleet::launch(&deployment, &cloud, &image, args.adopt_state, &progress).await?;
    if args.no_wait {
        return Ok(());
    }
    wait(&cloud, &instance, args.timeout.duration(), &progress).await?;
    announce(&deployment, &cloud, &progress).await
}
