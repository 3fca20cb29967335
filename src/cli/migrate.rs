//! `clawbake migrate`

use std::path::PathBuf;

use anyhow::Result;

use super::deployment_file::DeploymentFile;
use super::launch;
use super::output::{errln, outln};
use super::ready::{Timeout, announce};
use super::signal::{Interrupted, interruptible};
use super::terminal;
use crate::deployment::Deployment;
use crate::fleet;
use crate::migrate::{self, Between, Migrated};
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Take over the state of the deployment in FILE
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Use the image NAME instead of the lock's
    #[arg(long, value_name = "NAME", conflicts_with = "back")]
    image: Option<String>,
    /// Go back to the deployment in --from and its own state
    #[arg(long)]
    back: bool,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    timeout: Timeout,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let to = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    let from = Run::connect(Deployment::load(&args.from)?, terminal::progress()).await?;
    let between = Between { from, to };
    let timeout = args.timeout.duration();
    if args.dry_run {
        let plan = migrate::plan(&between, args.back).await?;
        if args.json {
            return outln!("{}", serde_json::to_string_pretty(&plan)?);
        }
        return outln!("{plan}");
    }
    if args.back {
        migrate::back(&between, timeout).await?;
        let disk = fleet::state_disk_name(&between.to.deployment);
        errln!("the state of the new gateway stays on {disk}; once nobody wants it:");
        errln!("for good:    clawbake delete --state-disk {disk}");
        return announce(&between.from).await;
    }
    let image = launch::image(&between.to, args.image.as_deref()).await?;
    // Boxed: the future is too large for the stack.
    let migrated = Box::pin(migrate::migrate(&between, &image, timeout)).await?;
    args.tell(&between, &migrated).await
}

/// Runs it until its end or a signal. What it leaves then is no leftover.
pub(super) async fn resumable(verb: impl Future<Output = Result<()>>) -> Result<()> {
    let result = interruptible(verb).await;
    result.map_err(|error| {
        if error.is::<Interrupted>() {
            error.context("a migration may be under way, which `clawbake migrate` goes on with")
        } else {
            error
        }
    })
}

impl Args {
    /// Prints what was done, and how to undo it.
    async fn tell(&self, between: &Between, migrated: &Migrated) -> Result<()> {
        if self.json {
            return outln!("{}", serde_json::to_string_pretty(migrated)?);
        }
        let old = &between.from.deployment;
        if let Some(seconds) = migrated.downtime_seconds {
            errln!("{seconds} s of downtime");
        }
        if let Some(counts) = &migrated.counts {
            errln!("nothing is missing of {counts}");
        }
        let (file, disk) = (self.from.display(), fleet::state_disk_name(old));
        errln!("the VM {} stays, stopped, with its state", old.name);
        errln!("go back:     clawbake migrate --from {file} --back");
        errln!("for good:    clawbake delete --file {file} --state-disk {disk}");
        announce(&between.to).await
    }
}
