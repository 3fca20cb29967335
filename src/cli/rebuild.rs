//! `clawbake rebuild`

use std::fmt::Display;

use anyhow::Result;
use serde::Serialize;

use super::bake::By;
use super::deployment_file::DeploymentFile;
use super::output::outln;
use super::ready::Timeout;
use super::{Said, terminal};
use crate::release::Version;
use crate::rollout::{self, Options};
use crate::run::Run;

/// What `--check` exits with if there is something new.
const SOMETHING_NEW: u8 = 10;

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Exit with 10 if something is new, and change nothing
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Show the gates to come, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go to VERSION, which is not older than what runs
    #[arg(long, value_name = "VERSION", value_parser = version)]
    to: Option<Version>,
    /// Try a release again that has failed
    #[arg(long)]
    retry: bool,
    /// Promote the image and leave the VM as it is
    #[arg(long)]
    no_replace: bool,
    /// Choose where to build the image
    #[arg(long, value_enum, default_value_t = By::Auto)]
    builder: By,
    #[command(flatten)]
    timeout: Timeout,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn version(text: &str) -> Result<Version, String> {
    text.parse()
        .map_err(|refusal: crate::document::Refusal| refusal.message)
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    let options = Options {
        to: args.to,
        retry: args.retry,
        replace: !args.no_replace,
        builder: args.builder.builder(),
        timeout: args.timeout.duration(),
    };
    if args.check || args.dry_run {
        let outlook = rollout::outlook(&run, &options).await?;
        print(&outlook, args.json)?;
        return if args.check && !outlook.gates.is_empty() {
            Err(Said(SOMETHING_NEW).into())
        } else {
            Ok(())
        };
    }
    // Boxed: the future is too large for the stack.
    let (report, result) = Box::pin(rollout::rebuild(&run, &options)).await;
    print(&report, args.json)?;
    result
}

fn print(result: &(impl Display + Serialize), json: bool) -> Result<()> {
    if json {
        outln!("{}", serde_json::to_string_pretty(result)?)
    } else {
        outln!("{result}")
    }
}
