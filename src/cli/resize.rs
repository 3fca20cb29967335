//! `clawbake resize`

use anyhow::Result;

use super::deployment_file::DeploymentFile;
use super::output::errln;
use super::ready::{Timeout, announce, wait};
use super::terminal;
use crate::fleet;
use crate::names::MachineType;
use crate::rollout;
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Machine type, such as e2-medium
    #[arg(value_name = "TYPE", value_parser = machine_type)]
    machine_type: MachineType,
    #[command(flatten)]
    deployment: DeploymentFile,
    #[command(flatten)]
    timeout: Timeout,
}

fn machine_type(text: &str) -> Result<MachineType, String> {
    let parsed: Result<MachineType, _> = text.parse();
    parsed.map_err(|refusal| refusal.message)
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, terminal::progress()).await?;
    rollout::ensure_none(&run).await?;
    let machine_type = &args.machine_type;
    fleet::set_machine_type(&run, machine_type).await?;
    if run.deployment.machine.r#type != *machine_type {
        errln!(
            "write it into the deployment, or the next VM is of type {} again:  machine: {{type: {machine_type}, ...}}",
            run.deployment.machine.r#type
        );
    }
    let instance = fleet::power_on(&run).await?;
    wait(&run, &instance, args.timeout.duration()).await?;
    announce(&run).await
}
