//! `clawbake bake`

use std::path::PathBuf;

use anyhow::Result;

use super::deployment_file::DeploymentFile;
use super::{output::outln, terminal};
use crate::bake::{self, Builder, Until};
use crate::deployment::Deployment;
use crate::image::Offline;
use crate::image::cache::Cache;
use crate::lock::Lock;
use crate::paths;
use crate::progress::Progress;
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Publish an archive built elsewhere by `bake --no-publish`
    #[arg(long, value_name = "FILE", conflicts_with = "no_publish")]
    archive: Option<PathBuf>,
    /// Build the archive without publishing it
    #[arg(long, conflicts_with = "no_promote")]
    no_publish: bool,
    /// Publish the image without testing and promoting it
    #[arg(long)]
    no_promote: bool,
    /// Choose where to build the image
    #[arg(long, value_enum, default_value_t = By::Auto)]
    builder: By,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--builder` takes.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum By {
    /// Build offline where possible, else in a VM
    Auto,
    /// Build on this machine as root
    Offline,
    /// Build in a VM of the base's public image
    Vm,
}

impl By {
    pub(super) fn builder(self) -> Builder {
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
        return build(&deployment, args.json, &progress).await;
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
        outln!("{}", serde_json::to_string_pretty(&image)?)?;
    } else {
        outln!("{}", image.name.unwrap_or_default())?;
    }
    Ok(())
}

/// Builds the archive and publishes nothing.
async fn build(deployment: &Deployment, json: bool, progress: &Progress) -> Result<()> {
    Lock::ensure_writable(&deployment.dir)?;
    let cache = Cache::open(&paths::cache()?)?;
    let plan = bake::plan(deployment, progress).await?;
    let offline = Offline::new(&plan.recipe, &cache);
    let built = offline.build(&plan, progress).await?;
    // It goes with the archive, whose image has no name yet.
    let lock = Lock {
        image: None,
        ..plan.lock
    };
    lock.save(&deployment.dir)?;
    if json {
        outln!("{}", serde_json::to_string(&built)?)?;
    } else {
        outln!("{}", built.archive.display())?;
    }
    Ok(())
}
