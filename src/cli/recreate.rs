//! `clawbake recreate`

use anyhow::Result;

use super::deployment_file::DeploymentFile;
use super::output::{errln, outln};
use super::ready::{Timeout, announce};
use super::signal::{Interrupted, interruptible};
use super::terminal;
use crate::rollout::{self, Preview, Replaced};
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Use the image NAME instead of the VM's own
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    timeout: Timeout,
}

/// How a change of the VM is asked for and told.
#[derive(Debug, clap::Args)]
pub(super) struct Change {
    /// Show what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    let image = match &args.image {
        Some(name) => Some(run.cloud.client.images().get(name).await?),
        None => None,
    };
    let timeout = args.timeout.duration();
    if args.change.dry_run {
        let preview = rollout::plan_recreate(&run, image, timeout).await?;
        return args.change.show(&preview);
    }
    // Boxed: the future is too large for the stack.
    let replaced = Box::pin(rollout::recreate(&run, image, timeout)).await?;
    args.change.tell(&run, &replaced).await
}

/// Runs a verb that changes the VM until its end or a signal. What it leaves then is no leftover.
pub(super) async fn resumable(verb: impl Future<Output = Result<()>>) -> Result<()> {
    let result = interruptible(verb).await;
    result.map_err(|error| {
        if error.is::<Interrupted>() {
            error.context("a rollout may be under way, which `clawbake recreate` goes on with")
        } else {
            error
        }
    })
}

impl Change {
    /// Prints what would be done.
    pub(super) fn show(&self, preview: &Preview) -> Result<()> {
        if self.json {
            return outln!("{}", serde_json::to_string_pretty(preview)?);
        }
        outln!("{preview}")
    }

    /// Prints what was done.
    pub(super) async fn tell(&self, run: &Run, replaced: &Replaced) -> Result<()> {
        if self.json {
            return outln!("{}", serde_json::to_string_pretty(replaced)?);
        }
        let Replaced {
            gateway,
            image,
            snapshot,
            downtime_seconds,
            ..
        } = replaced;
        errln!("{gateway} from {image}, {downtime_seconds} s of downtime");
        errln!("the state before is in snapshot {snapshot}");
        announce(run).await
    }
}
