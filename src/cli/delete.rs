//! `clawbake delete`

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
    /// Delete the state disk NAME too
    #[arg(long, value_name = "NAME")]
    state_disk: Option<String>,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    let deleted = fleet::delete(&run, args.state_disk.as_deref()).await?;
    if !deleted.anything {
        errln!("there was nothing to delete");
    }
    if let Some(disk) = deleted.stays {
        errln!(
            "back again:  clawbake launch   (the state disk {disk} stays, and so do its snapshots)"
        );
        errln!("for good:    clawbake delete --state-disk {disk}");
    }
    Ok(())
}
