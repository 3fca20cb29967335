//! `clawbake up`: creates whatever is missing until the gateway answers.

use anyhow::{Context, Result, bail, ensure};

use super::deployment_file::DeploymentFile;
use super::ready::{Timeout, announce, wait};
use super::terminal;
use crate::bake::{self, Builder, Until};
use crate::fleet::{self, Instance, Phase};
use crate::progress::Outcome;
use crate::rollout;
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Take over a state disk filled by another deployment
    #[arg(long)]
    adopt_state: bool,
    #[command(flatten)]
    timeout: Timeout,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    ensure_secrets(&run).await?;
    let instance = ensure_running(&run, args.adopt_state).await?;
    wait(&run, &instance, args.timeout.duration()).await?;
    announce(&run).await
}

/// Generates the gateway's token if it is missing. The user has to set every other secret.
async fn ensure_secrets(run: &Run) -> Result<()> {
    let Run {
        deployment, cloud, ..
    } = run;
    let stage = run.progress.stage("secrets");
    let token = &deployment.secrets[&deployment.recipe.gateway.token_env].name;
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

/// The deployment's VM, running: as it is, started, or created from the family's image.
async fn ensure_running(run: &Run, adopt_state: bool) -> Result<Instance> {
    let (cloud, name) = (&run.cloud, &run.deployment.name);
    rollout::ensure_none(run).await?;
    let Some(instance) = fleet::find(run).await? else {
        let image = ensure_image(run).await?;
        return fleet::launch(run, &image, adopt_state).await;
    };
    fleet::keep(run, &instance).await?;
    fleet::schedule(run).await?;
    let failed = fleet::report(cloud, &instance)
        .await?
        .is_some_and(|report| report.phase == Phase::Failed);
    let stage = run.progress.stage("VM");
    match instance.status.as_deref() {
        Some("TERMINATED") => {
            fleet::start(cloud, &instance, adopt_state).await?;
            stage.finish(Outcome::Done, format!("{name} started"));
        }
        Some("RUNNING") if failed => {
            stage.note("restarting it: its gateway had failed");
            let instances = cloud.client.instances(&cloud.zone);
            instances.stop(name).await?.wait().await?;
            fleet::start(cloud, &instance, adopt_state).await?;
            stage.finish(Outcome::Done, format!("{name} restarted"));
        }
        _ => stage.finish(Outcome::Cached, format!("{name} runs")),
    }
    Ok(instance)
}

async fn ensure_image(run: &Run) -> Result<gce::Image> {
    let (recipe, images) = (&run.deployment.recipe, run.cloud.client.images());
    let lock = bake::locked(&run.deployment, &run.progress)?;
    let found = match lock.and_then(|lock| lock.image) {
        Some(name) => images.find(&name).await?,
        None => images.find_in_family(&recipe.family).await?,
    };
    if let Some(image) = found.filter(|image| bake::serves(image, recipe)) {
        let stage = run.progress.stage("image");
        stage.finish(Outcome::Cached, image.name.as_deref().unwrap_or_default());
        return Ok(image);
    }
    // Boxed: the future is too large for the stack.
    Box::pin(bake::bake(
        run,
        Builder::for_this_machine(),
        Until::Promoted,
    ))
    .await?;
    // Not always the baked image: a newer one, or a rollback, stays in front.
    let front = images.find_in_family(&recipe.family).await?;
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
