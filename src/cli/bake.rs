//! `clawbake bake`

use std::path::PathBuf;

use anyhow::Result;

use super::deployment_file::DeploymentFile;
use super::{output::outln, terminal};
use crate::bake::{self, Builder, Until};
use crate::image::cache::Cache;
use crate::image::{Offline, Plan};
use crate::paths;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::run::Run;

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
    #[arg(long, value_enum, default_value_t = By::Auto)]
    builder: By,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What `--builder` takes.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum By {
    /// Offline on Linux as root with the tools installed, else in a VM
    Auto,
    /// On this machine, without a VM
    Offline,
    /// In an instance of the base's public image
    Vm,
}

impl By {
    fn builder(self) -> Builder {
        match self {
            Self::Auto => Builder::for_this_machine(),
            Self::Offline => Builder::Offline,
            Self::Vm => Builder::Vm,
        }
    }
}

pub(super) async fn run(args: Args) -> Result<()> {
    let deployment = args.deployment.load()?;
    let progress = terminal::progress();
    if args.no_publish {
        return build(&deployment.recipe, args.json, &progress).await;
    }
    let run = Run::connect(deployment, progress).await?;
    let until = if args.no_promote {
        Until::Published
    } else {
        Until::Promoted
    };
    // Boxed: the futures are too large for the stack.
    let image = match &args.archive {
        Some(archive) => Box::pin(bake::bake_archive(&run, archive, until)).await?,
        None => Box::pin(bake::bake(&run, args.builder.builder(), until)).await?,
    };
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&image)?);
    } else {
        outln!("{}", image.name.unwrap_or_default());
    }
    Ok(())
}

/// Builds the archive and publishes nothing.
async fn build(recipe: &Recipe, json: bool, progress: &Progress) -> Result<()> {
    let cache = Cache::open(&paths::cache()?)?;
    let plan = Plan::resolve(recipe).await?;
    let built = Offline::new(recipe, &cache).build(&plan, progress).await?;
    if json {
        outln!("{}", serde_json::to_string(&built)?);
    } else {
        outln!("{}", built.archive.display());
    }
    Ok(())
}
