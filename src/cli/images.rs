//! `clawbake images`

use std::fmt::Display;

use anyhow::{Context, Result};
use clap::Subcommand;
use gce::Image;
use jiff::Timestamp;

use super::deployment_file::DeploymentFile;
use super::output::{errln, outln};
use super::terminal;
use crate::bake::{self, Deprecated, Family, GATEWAY_LABEL, Refusal};
use crate::progress::Progress;
use crate::run::Run;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List images, newest first
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show an image
    Show {
        /// Image name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Test an image and put it in front of its family
    Promote {
        /// Image name
        #[arg(value_name = "NAME")]
        name: String,
        /// Skip the boot test
        #[arg(long)]
        untested: bool,
        #[command(flatten)]
        change: Change,
    },
    /// Put an older image in front of the family again
    Rollback {
        /// Choose the image NAME instead of the previous one
        #[arg(long, value_name = "NAME")]
        to: Option<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Delete old, unused images
    Prune {
        /// Keep the newest N images of the family
        #[arg(long, value_name = "N", default_value_t = 3)]
        keep: usize,
        #[command(flatten)]
        change: Change,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Common {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Change {
    #[command(flatten)]
    common: Common,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(command: Command) -> Result<()> {
    match command {
        Command::List { common } => list(&common).await,
        Command::Show { name, common } => show(&name, &common).await,
        Command::Promote {
            name,
            untested,
            change,
        } => {
            // Boxed: the future is too large for the stack.
            Box::pin(promote(&name, untested, &change)).await
        }
        Command::Rollback { to, change } => rollback(to, &change).await,
        Command::Prune { keep, change } => prune(keep, &change).await,
    }
}

impl Common {
    async fn connect(&self, progress: Progress) -> Result<Run> {
        Run::connect(self.deployment.load()?, progress).await
    }
}

async fn list(common: &Common) -> Result<()> {
    let run = common.connect(Progress::silent()).await?;
    let images = run.cloud.client.images().list(None).await?;
    let recipe = &run.deployment.recipe;
    let family = Family::among(&images, &recipe.family, &recipe.name)?;
    let named = |name: &str| images.iter().find(|i| i.name.as_deref() == Some(name));
    let members = family.members().iter();
    let images: Vec<_> = members.filter_map(|member| named(&member.name)).collect();
    if common.json {
        outln!("{}", serde_json::to_string_pretty(&images)?)?;
        return Ok(());
    }
    for image in images {
        outln!("{}", line(image, &family))?;
    }
    Ok(())
}

fn line(image: &Image, family: &Family) -> String {
    format!(
        "{:<50} {:<14} {:<12} {:<8} {}",
        image.name.as_deref().unwrap_or_default(),
        image.labels.get(GATEWAY_LABEL).map_or("", String::as_str),
        place(image, family),
        bake::verdict(image).unwrap_or("untested"),
        image.creation_timestamp.as_deref().unwrap_or_default(),
    )
}

/// An image's place in its family, in one word.
fn place(image: &Image, family: &Family) -> &'static str {
    let is = |member: Option<&bake::Member>| member.map(|m| &m.name) == image.name.as_ref();
    let own = family.members().iter().find(|m| is(Some(m)));
    match own {
        _ if is(family.front()) => "front",
        _ if is(family.second()) => "rollback",
        Some(member) if !member.active => "deprecated",
        Some(member) if member.entered => "active",
        _ => "outside",
    }
}

async fn show(name: &str, common: &Common) -> Result<()> {
    let run = common.connect(Progress::silent()).await?;
    let image = run.cloud.client.images().get(name).await?;
    if common.json {
        outln!("{}", serde_json::to_string_pretty(&image)?)?;
        return Ok(());
    }
    let family = bake::observe(&run.cloud, &run.deployment.recipe).await?;
    let replacement = image
        .deprecated
        .as_ref()
        .and_then(|d| d.replacement.as_deref());
    let replacement = replacement.and_then(|link| link.rsplit('/').next());
    let rows = [
        ("name", image.name.as_deref()),
        ("description", image.description.as_deref()),
        ("family", image.family.as_deref()),
        ("place", Some(place(&image, &family))),
        ("replaced by", replacement),
        ("boot test", bake::verdict(&image).or(Some("untested"))),
        ("status", image.status.as_deref()),
        ("created", image.creation_timestamp.as_deref()),
    ];
    for (key, value) in rows {
        outln!("{key:<14} {}", value.unwrap_or("-"))?;
    }
    for (key, value) in &image.labels {
        outln!("{:<14} {key}={value}", "label")?;
    }
    Ok(())
}

async fn promote(name: &str, untested: bool, change: &Change) -> Result<()> {
    let run = change.common.connect(terminal::progress()).await?;
    let family = bake::observe(&run.cloud, &run.deployment.recipe).await?;
    let steps = family.promotion(name, Deprecated::Restored)?;
    if change.dry_run {
        return print(&steps, change.common.json);
    }
    if !untested {
        let image = run.cloud.client.images().get(name).await?;
        bake::boot_test(&run, image).await?;
    }
    bake::promote(&run, name, Deprecated::Restored).await?;
    follow(&run, name).await?;
    print(&steps, change.common.json)
}

async fn rollback(to: Option<String>, change: &Change) -> Result<()> {
    let run = change.common.connect(terminal::progress()).await?;
    let family = bake::observe(&run.cloud, &run.deployment.recipe).await?;
    let front = family.front().context("the family has no image in front")?;
    let target = match to {
        Some(name) => name,
        None => family.before()?.name.clone(),
    };
    let steps = family.rollback(&target)?;
    if !change.dry_run {
        bake::rollback(&run, &target, &Refusal::person(Timestamp::now())).await?;
        follow(&run, &target).await?;
        errln!(
            "forward again: clawbake images promote {}   (VMs that run keep what they have)",
            front.name
        );
    }
    print(&steps, change.common.json)
}

/// The lock says what is in front. Which template a VM of it has will be known when there is one.
async fn follow(run: &Run, image: &str) -> Result<()> {
    let image = run.cloud.client.images().get(image).await?;
    bake::follow(run, &image, None);
    Ok(())
}

async fn prune(keep: usize, change: &Change) -> Result<()> {
    let run = change.common.connect(terminal::progress()).await?;
    let family = bake::observe(&run.cloud, &run.deployment.recipe).await?;
    let used = bake::used(&run.cloud).await?;
    let surplus = family.surplus(keep, &used);
    let names: Vec<_> = surplus.iter().map(|member| member.name.as_str()).collect();
    if !change.dry_run {
        for name in &names {
            bake::delete(&run.cloud, name).await?;
        }
    }
    print(&names, change.common.json)
}

/// Prints what was done, or would be, one item a line.
fn print<T: Display + serde::Serialize>(items: &[T], json: bool) -> Result<()> {
    if json {
        outln!("{}", serde_json::to_string_pretty(items)?)?;
        return Ok(());
    }
    for item in items {
        outln!("{item}")?;
    }
    Ok(())
}
