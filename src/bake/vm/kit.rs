//! What a builder VM gets along: the base's scripts, the recipe's, and the list of what is to be
//! fetched, in one metadata value.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::image::{Plan, context, disk, kit};
use crate::recipe::{Binary, Recipe};

/// Compute Engine's limit of one metadata value, in bytes.
const LIMIT: usize = 256 << 10;
/// Node's own variable for authorities beyond the public ones, PEM; npm heeds it too.
const CERTIFICATES_VARIABLE: &str = "NODE_EXTRA_CA_CERTS";

/// The kit as metadata carries it: a tar.gz in base64.
pub(super) fn pack(plan: &Plan) -> Result<String> {
    let dir = tempfile::tempdir().context("making a directory for the builder's kit")?;
    lay_out(plan, dir.path()).context("packing the builder's kit")?;
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    tar.mode(tar::HeaderMode::Deterministic);
    tar.append_dir_all(".", dir.path())?;
    let kit = BASE64_STANDARD.encode(tar.into_inner()?.finish()?);
    ensure!(
        kit.len() <= LIMIT,
        "the recipe's scripts and {CERTIFICATES_VARIABLE} take {} KiB packed, and metadata has room for {}: \
         let a provision script fetch what is large",
        kit.len() >> 10,
        LIMIT >> 10
    );
    Ok(kit)
}

fn lay_out(plan: &Plan, dir: &Path) -> Result<()> {
    let recipe = &plan.recipe;
    for Binary { name, url, .. } in &recipe.gateway.binaries {
        ensure!(
            !url.starts_with("file:"),
            "{url} of the binary `{name}` is on this machine, where the builder VM cannot read it: put it on a web server"
        );
    }
    disk::write_input(recipe, &plan.name, &dir.join("input"))?;
    let gateway = dir.join("gateway");
    context::lay_out(recipe, &plan.containerfile, &plan.sources, &gateway)?;
    kit::write(
        dir,
        [
            ("clawbake-phase", kit::PHASE),
            ("builder.sh", kit::BUILDER),
            ("gateway.sh", kit::GATEWAY),
            ("packages", &*packages(recipe)),
        ],
    )?;
    if let Some(file) = std::env::var_os(CERTIFICATES_VARIABLE) {
        fs::copy(&file, dir.join("certificates.pem")).with_context(|| {
            format!(
                "copying {}, which {CERTIFICATES_VARIABLE} names",
                Path::new(&file).display()
            )
        })?;
    }
    Ok(())
}

/// One a line.
fn packages(recipe: &Recipe) -> String {
    let own = recipe.packages.iter().map(ToString::to_string);
    kit::packages(recipe.base)
        .map(str::to_owned)
        .chain(own)
        .fold(String::new(), |list, package| list + &package + "\n")
}
