//! `clawbake doctor`

use anyhow::{Result, bail};

use super::deployment_file::DeploymentFile;
use super::{output::outln, terminal};
use crate::doctor::{self, Level};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let deployment = args.deployment.load()?;
    let findings = doctor::examine(&deployment, &terminal::progress()).await;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&findings)?)?;
    } else {
        for finding in &findings {
            outln!("{finding}")?;
        }
    }
    let problems = findings.iter().filter(|it| it.level == Level::Problem);
    match problems.count() {
        0 => Ok(()),
        1 => bail!("one problem, with its remedy above"),
        count => bail!("{count} problems, with their remedies above"),
    }
}
