//! `clawbake bake`

use std::path::PathBuf;

use anyhow::Result;

use super::{DeploymentFile, output::outln, terminal};
use crate::bake::{self, Until};
use crate::cloud::Cloud;
use crate::image::Offline;
use crate::paths;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Publish an archive that `bake --no-publish` made elsewhere from the same recipe; build nothing
    #[arg(long, value_name = "FILE", conflicts_with = "no_publish")]
    archive: Option<PathBuf>,
    /// Build the archive only; publish nothing
    #[arg(long, conflicts_with = "no_promote")]
    no_publish: bool,
    /// Leave the image without a family and untested; `clawbake images promote` does the rest
    #[arg(long)]
    no_promote: bool,
    /// Where to make the image
    #[arg(long, value_enum, default_value_t = Builder::Auto)]
    builder: Builder,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What `--builder` takes.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Builder {
    /// Offline on Linux as root with the tools installed, else in a VM
    Auto,
    /// On this machine, without a VM
    Offline,
    /// In an instance of the base's public image
    Vm,
}

impl From<Builder> for bake::Builder {
    fn from(builder: Builder) -> Self {
        match builder {
            Builder::Auto => Self::for_this_machine(),
            Builder::Offline => Self::Offline,
            Builder::Vm => Self::Vm,
        }
    }
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
            outln!("{}", serde_json::to_string(&built)?);
        } else {
            outln!("{archive}");
        }
        return Ok(());
    }
    let cloud = Cloud::connect(&deployment.target, &progress).await?;
    let until = if args.no_promote {
        Until::Published
    } else {
        Until::Promoted
    };
    // Large futures: off the stack.
    let image = if let Some(archive) = &args.archive {
        let bake = bake::bake_archive(&deployment, &cloud, archive, until, &progress);
        Box::pin(bake).await?
    } else {
        let by = args.builder.into();
        let bake = bake::bake(&deployment, &cloud, &builder, by, until, &progress);
        Box::pin(bake).await?
    };
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&image)?);
    } else {
        outln!("{}", image.name.unwrap_or_default());
    }
    Ok(())
}
