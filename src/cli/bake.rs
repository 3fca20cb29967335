//! `clawbake bake`

use anyhow::Result;

use super::{DeploymentFile, terminal};
use crate::bake;
use crate::cloud::Cloud;
use crate::image::Offline;
use crate::paths;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Build the archive only; publish nothing
    #[arg(long)]
    no_publish: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let deployment = args.deployment.load()?;
    let progress = terminal::progress();
    let cache = paths::cache()?;
    let builder = Offline::new(&deployment.recipe, &cache);
    if args.no_publish {
        let plan = builder.plan().await?;
        let built = builder.build(&plan, &progress).await?;
        let archive = built.archive.display().to_string();
        if args.json {
            println!("{}", serde_json::to_string(&built)?);
        } else {
            println!("{archive}");
        }
        return Ok(());
    }
    let cloud = Cloud::connect(&deployment.target, &progress).await?;
    let image = bake::bake(&deployment, &cloud, &builder, &progress).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&image)?);
    } else {
        println!("{}", image.name.unwrap_or_default());
    }
    Ok(())
}
