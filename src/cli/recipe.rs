//! `clawbake recipe validate|show|list`

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;

use super::output::outln;
use crate::document::Findings;
use crate::recipe::{self, Exact, Recipe};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a recipe
    Validate {
        /// Shipped recipe, directory or recipe.yaml
        recipe: String,
    },
    /// Print a recipe's compose.yaml and image.json
    Show {
        /// Shipped recipe, directory or recipe.yaml
        recipe: String,
    },
    /// List the shipped recipes
    List,
}

pub(super) fn run(command: Command) -> Result<()> {
    match command {
        Command::Validate { recipe } => {
            let recipe = load(&recipe)?;
            outln!(
                "{}: valid, {} of {} on {}",
                recipe.name,
                recipe.gateway.release.wanted(),
                recipe.gateway.release.npm,
                recipe.base
            )?;
        }
        Command::Show { recipe } => {
            let recipe = load(&recipe)?;
            let version = recipe.gateway.release.version.with_context(|| {
                format!(
                    "the recipe names the channel {} and no version: only a bake knows it",
                    recipe.gateway.release.channel
                )
            })?;
            let recipe = Exact {
                recipe,
                version,
                schema: None,
            };
            outln!("# compose.yaml\n{}", recipe.compose_yaml())?;
            outln!(
                "# image.json\n{}",
                serde_json::to_string_pretty(&recipe.image_json(&recipe.family))?
            )?;
        }
        Command::List => {
            for name in recipe::shipped_names() {
                outln!("{name}")?;
            }
        }
    }
    Ok(())
}

/// A shipped recipe by name, or one on disk.
pub(super) fn load(name: &str) -> Result<Recipe> {
    let found: Result<Recipe, Findings> = match Recipe::shipped(name) {
        Some(recipe) => recipe,
        None if Path::new(name).exists() => Recipe::load(Path::new(name)),
        None => {
            let shipped = recipe::shipped_names().join(", ");
            return Err(anyhow!(
                "there is no recipe {name}: shipped are {shipped}; or give a path"
            ));
        }
    };
    Ok(found?)
}
