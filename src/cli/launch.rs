//! `clawbake launch`

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{DeploymentFile, terminal, up};
use crate::cloud::{Cloud, Reach};
use crate::deployment::Deployment;
use crate::fleet;
use crate::progress::{Outcome, Progress};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// An image by name, instead of the family's newest
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    #[command(flatten)]
    timeout: Timeout,
}

/// How long to wait for readiness.
#[derive(Debug, clap::Args)]
pub(super) struct Timeout {
    /// Minutes to wait until the gateway is ready; a failure that the VM reports ends the wait at once
    #[arg(long = "timeout", value_name = "MINUTES", default_value_t = 45, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
}

impl Timeout {
    pub(super) fn duration(&self) -> Duration {
        Duration::from_secs(self.minutes * 60)
    }
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
    let instance = fleet::launch(&deployment, &cloud, &image, &progress).await?;
    up::wait(&cloud, &instance, args.timeout.duration(), &progress).await?;
    announce(&deployment, &cloud, &progress).await
}

/// Where the gateway is, how to get its token, how to stop it. A gateway within reach is asked first.
pub(super) async fn announce(
    deployment: &Deployment,
    cloud: &Cloud,
    progress: &Progress,
) -> Result<()> {
    let gateway = &deployment.recipe.gateway;
    let secret = &deployment.secrets[&gateway.token_env];
    let instance = cloud
        .client
        .instances(&cloud.zone)
        .get(&deployment.name)
        .await?;
    match cloud.reach(&instance, gateway.ports.front) {
        Reach::Url(url) => {
            let stage = progress.stage("address");
            let token = cloud
                .client
                .secrets()
                .access(&secret.secret, &secret.version)
                .await?;
            fleet::probe(&url, &gateway.health, &token).await?;
            stage.finish(Outcome::Done, "right token accepted, wrong one refused");
            println!("{url}");
        }
        Reach::Tunnel(command) => {
            println!("http://localhost:{}/", gateway.ports.front);
            eprintln!("tunnel:  {command}");
        }
    }
    eprintln!("token:   clawbake secrets show {}", secret.secret);
    eprintln!("stop:    clawbake delete   (the state disk stays)");
    Ok(())
}
