//! `clawbake up`: whatever is missing until the gateway answers.

use anyhow::{Context, Result, bail, ensure};

use super::ready::{Timeout, announce, wait};
use super::{DeploymentFile, terminal};
use crate::bake::{self, Builder, Until};
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::fleet::{self, Instance, Phase};
use crate::image::Offline;
use crate::paths;
use crate::progress::{Outcome, Progress};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
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
    ensure_secrets(&deployment, &cloud, &progress).await?;
    let instance = ensure_running(&deployment, &cloud, args.adopt_state, &progress).await?;
    wait(&cloud, &instance, args.timeout.duration(), &progress).await?;
    announce(&deployment, &cloud, &progress).await
}

/// The gateway's own token is generated; every other secret is the user's to set.
async fn ensure_secrets(deployment: &Deployment, cloud: &Cloud, progress: &Progress) -> Result<()> {
    let stage = progress.stage("secrets");
    let token = &deployment.secrets[&deployment.recipe.gateway.token_env].secret;
    let missing = fleet::missing(deployment, cloud).await?;
    let others: Vec<_> = missing
        .iter()
        .filter(|name| **name != **token)
        .map(String::as_str)
        .collect();
    if !others.is_empty() {
        bail!(
            "these secrets do not exist: {}; make each with `clawbake secrets set NAME`",
            others.join(", ")
        );
    }
    if missing.is_empty() {
        stage.finish(Outcome::Cached, format!("{token} exists"));
    } else {
        fleet::generate(cloud, token).await?;
        stage.finish(Outcome::Done, format!("{token} generated"));
    }
    Ok(())
}

/// The deployment's VM, running: as it is, started, or made from the family's image.
async fn ensure_running(
    deployment: &Deployment,
    cloud: &Cloud,
    adopt_state: bool,
    progress: &Progress,
) -> Result<Instance> {
    let instances = cloud.client.instances(&cloud.zone);
    let Some(instance) = fleet::find(deployment, cloud).await? else {
        let image = ensure_image(deployment, cloud, progress).await?;
        return fleet::launch(deployment, cloud, &image, adopt_state, progress).await;
    };
    fleet::keep(deployment, cloud)?;
    fleet::schedule(deployment, cloud).await?;
    let failed = fleet::report(cloud, &instance)
        .await?
        .is_some_and(|report| report.phase == Phase::Failed);
    let stage = progress.stage("VM");
    match instance.status.as_deref() {
        Some("TERMINATED") => {
            fleet::start(cloud, &instance, adopt_state).await?;
            stage.finish(Outcome::Done, format!("{} started", deployment.name));
        }
        Some("RUNNING") if failed => {
            stage.note("restarting it: its gateway had failed");
            instances.stop(&deployment.name).await?.wait().await?;
            fleet::start(cloud, &instance, adopt_state).await?;
            stage.finish(Outcome::Done, format!("{} restarted", deployment.name));
        }
        _ => stage.finish(Outcome::Cached, format!("{} runs", deployment.name)),
    }
    Ok(instance)
}

async fn ensure_image(
    deployment: &Deployment,
    cloud: &Cloud,
    progress: &Progress,
) -> Result<gce::Image> {
    let recipe = &deployment.recipe;
    let found = cloud.client.images().find_in_family(&recipe.family).await?;
    if let Some(image) = found.filter(|image| bake::serves(image, recipe)) {
        let stage = progress.stage("image");
        stage.finish(Outcome::Cached, image.name.as_deref().unwrap_or_default());
        return Ok(image);
    }
    let cache = paths::cache()?;
    let builder = Offline::new(recipe, &cache);
    let by = Builder::for_this_machine();
    let bake = bake::bake(deployment, cloud, &builder, by, Until::Promoted, progress);
    // A large future: off the stack.
    Box::pin(bake).await?;
    // Not always what was baked: a newer image, or a rollback, stays in front.
    let front = cloud.client.images().find_in_family(&recipe.family).await?;
    let front =
        front.with_context(|| format!("the family {} has no image in front", recipe.family))?;
    ensure!(
        bake::is_own(&front),
        "{} is in front of the family {}, and clawbake has not baked it: `clawbake launch --image NAME` \
         takes another, or give the recipe a family of its own",
        front.name.unwrap_or_default(),
        recipe.family
    );
    Ok(front)
}
