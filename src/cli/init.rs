//! `clawbake init`

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::output::outln;
use crate::deployment;
use crate::recipe;

/// What `init` writes; valid as it stands for the local target.
const TEMPLATE: &str = include_str!("../../recipes/clawbake.yaml.tera");

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write the deployment to FILE
    #[arg(short, long, value_name = "FILE", default_value = deployment::FILE_NAME)]
    file: PathBuf,
    /// Choose a shipped recipe
    #[arg(long, default_value = "clawdbot", value_parser = clap::builder::PossibleValuesParser::new(recipe::shipped_names()))]
    recipe: String,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let recipe = super::recipe::load(&args.recipe)?;
    let mut context = tera::Context::new();
    context.insert("recipe", &recipe.name);
    context.insert("name", &recipe.family);
    context.insert("token_env", &recipe.gateway.token_env);
    let text =
        tera::Tera::one_off(TEMPLATE, &context, false).context("rendering the deployment")?;
    let path = args.file.display();
    let mut file = File::create_new(&args.file)
        .with_context(|| format!("creating {path} (an existing file is never overwritten)"))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("writing {path}"))?;
    outln!("{path}")?;
    Ok(())
}
