//! `clawbake images list`

use anyhow::Result;
use clap::Subcommand;

use super::DeploymentFile;
use crate::bake::{GATEWAY_LABEL, RECIPE_LABEL};
use crate::cloud::Cloud;
use crate::progress::Progress;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The recipe's images, newest first
    List {
        #[command(flatten)]
        deployment: DeploymentFile,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(Command::List { deployment, json }: Command) -> Result<()> {
    let deployment = deployment.load()?;
    let cloud = Cloud::connect(&deployment.target, &Progress::silent()).await?;
    let filter = format!("labels.{RECIPE_LABEL}={}", deployment.recipe.name);
    let mut images = cloud.client.images().list(Some(&filter)).await?;
    images.sort_by(|a, b| b.creation_timestamp.cmp(&a.creation_timestamp));
    if json {
        println!("{}", serde_json::to_string_pretty(&images)?);
        return Ok(());
    }
    for image in images {
        let state = image.deprecated.and_then(|status| status.state);
        println!(
            "{:<50} {:<14} {:<10} {:<18} {}",
            image.name.unwrap_or_default(),
            image.labels.get(GATEWAY_LABEL).map_or("", String::as_str),
            state.or(image.status).unwrap_or_default(),
            image.family.as_deref().unwrap_or("-"),
            image.creation_timestamp.unwrap_or_default(),
        );
    }
    Ok(())
}
