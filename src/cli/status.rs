//! `clawbake status`

use anyhow::Result;
use serde_json::json;

use super::DeploymentFile;
use super::output::outln;
use crate::cloud::{Cloud, Reach};
use crate::fleet;
use crate::progress::Progress;

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
    let cloud = Cloud::connect(&deployment.target, &Progress::silent()).await?;
    let name = &deployment.name;
    let Some(instance) = cloud.client.instances(&cloud.zone).find(name).await? else {
        if args.json {
            outln!("{}", json!({"name": name, "status": null}));
        } else {
            outln!("{name}: no VM (`clawbake up` makes one)");
        }
        return Ok(());
    };
    let report = fleet::report(&cloud, name).await?;
    let status = instance.status.as_deref().unwrap_or("UNKNOWN");
    let (url, tunnel) = match cloud.reach(&instance, deployment.recipe.gateway.ports.front) {
        Reach::Url(url) => (Some(url), None),
        Reach::Tunnel(command) => (None, Some(command)),
    };
    if args.json {
        let document =
            json!({"name": name, "status": status, "report": report, "url": url, "tunnel": tunnel});
        outln!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    outln!("VM       {name} {status}");
    if let Some(report) = report {
        outln!("phase    {} at {}", report.phase, report.at);
        if let Some(reason) = &report.reason {
            outln!("reason   {reason}");
        }
        outln!("gateway  {}", report.gateway);
        outln!("image    {}", report.image);
    }
    if let Some(way) = url.or(tunnel) {
        outln!("address  {way}");
    }
    Ok(())
}
