//! `clawbake rollback`

use anyhow::Result;

use super::deployment_file::DeploymentFile;
use super::output::errln;
use super::ready::Timeout;
use super::recreate::Change;
use super::terminal;
use crate::release::Version;
use crate::rollout::{self, Back};
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Go back to VERSION instead of the previous image
    #[arg(long, value_name = "VERSION", value_parser = version)]
    to: Option<Version>,
    /// Restore the state from before, and lose what came after
    #[arg(long)]
    with_state: bool,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    timeout: Timeout,
}

fn version(text: &str) -> Result<Version, String> {
    text.parse().map_err(|refusal: crate::document::Refusal| {
        format!("{}; {}", refusal.message, refusal.hint)
    })
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    let back = Back {
        to: args.to,
        with_state: args.with_state,
        timeout: args.timeout.duration(),
    };
    let chosen = rollout::choose(&run, &back).await?;
    errln!("{chosen}");
    if args.change.dry_run {
        return args.change.show(&chosen.plan(&run).await?);
    }
    // Boxed: the future is too large for the stack.
    match Box::pin(chosen.go(&run)).await? {
        Some(replaced) => args.change.tell(&run, &replaced).await,
        None => Ok(()),
    }
}
