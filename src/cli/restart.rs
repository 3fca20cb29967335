//! `clawbake restart`

use anyhow::Result;

use super::deployment_file::DeploymentFile;
use super::ready::{Timeout, announce, wait};
use super::terminal;
use crate::fleet;
use crate::rollout;
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    #[command(flatten)]
    timeout: Timeout,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    rollout::ensure_none(&run).await?;
    fleet::stop(&run).await?;
    let instance = fleet::power_on(&run).await?;
    wait(&run, &instance, args.timeout.duration()).await?;
    announce(&run).await
}
