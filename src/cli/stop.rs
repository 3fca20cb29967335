//! `clawbake stop`

use anyhow::Result;

use super::deployment_file::DeploymentFile;
use super::output::errln;
use super::terminal;
use crate::fleet;
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    fleet::stop(&run).await?;
    errln!("start:   clawbake start   (a stopped VM costs its disks alone)");
    Ok(())
}
