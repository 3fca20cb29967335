//! What a builder VM gets along: the base's scripts, the recipe's, and the list of what is to be
//! fetched, in one metadata value.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::image::{Plan, container, disk, key, kit};
use crate::recipe::Recipe;
use crate::release::Package;

/// Compute Engine's limit of one metadata value, in bytes.
const LIMIT: usize = 256 << 10;
/// Node's own variable for authorities beyond the public ones, PEM; npm heeds it too.
const CERTIFICATES_VARIABLE: &str = "NODE_EXTRA_CA_CERTS";

/// The kit as metadata carries it: a tar.gz in base64.
pub(super) fn pack(recipe: &Recipe, plan: &Plan) -> Result<String> {
    let dir = tempfile::tempdir().context("making a directory for the builder's kit")?;
    lay_out(recipe, plan, dir.path()).context("packing the builder's kit")?;
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

fn lay_out(recipe: &Recipe, plan: &Plan, dir: &Path) -> Result<()> {
    disk::write_input(recipe, &plan.name, &dir.join("input"))?;
    container::seed(recipe, &dir.join("seed"))?;
    // A state without seeds is a directory nevertheless.
    fs::create_dir_all(dir.join("seed"))?;
    let package_json = container::package_json(recipe).to_string();
    kit::write(
        dir,
        [
            ("clawbake-phase", kit::PHASE),
            ("builder.sh", kit::BUILDER),
            ("gateway.sh", kit::GATEWAY),
            ("member.sh", kit::MEMBER),
            ("nobody.sh", kit::NOBODY),
            ("container.sh", kit::CONTAINER),
            ("warm.mjs", kit::WARM),
            ("packages", &packages(recipe)),
            ("container", &settings(recipe, &plan.containerfile)),
            ("command", &command(recipe)?),
            ("downloads", &downloads(recipe, plan)?),
            ("binaries", &binaries(recipe)),
            ("context/Containerfile", &plan.containerfile),
            ("context/package.json", &package_json),
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

/// Variables of the shell. Every value is of an alphabet that needs no quotes.
fn settings(recipe: &Recipe, containerfile: &str) -> String {
    let gateway = &recipe.gateway;
    let suite = if container::copies(containerfile, "base.tar") {
        recipe.base.suite()
    } else {
        ""
    };
    let scripts = container::scripts(recipe, containerfile);
    let warm = if gateway.container.warm { "1" } else { "" };
    format!(
        "image=docker.io/{}\nsuite={suite}\npackages={}\nscripts={scripts}\nwarm={warm}\nhealth_url=http://127.0.0.1:{}/\ntoken_variable={}\n",
        recipe.container_image(),
        gateway.container.packages(),
        gateway.ports.inner,
        gateway.token_env,
    )
}

/// One word a line.
fn command(recipe: &Recipe) -> Result<String> {
    let words = &recipe.gateway.command;
    ensure!(
        !words.iter().any(|word| word.contains('\n')),
        "a word of gateway.command holds a line break, which the builder VM cannot be told"
    );
    Ok(words
        .iter()
        .fold(String::new(), |lines, word| lines + word + "\n"))
}

/// Name, digest's algorithm, digest and URL, a tab between them.
fn downloads(recipe: &Recipe, plan: &Plan) -> Result<String> {
    let mut lines = String::new();
    let sources = [("npm", &plan.sources.npm), ("node", &plan.sources.node)];
    for (name, package) in sources
        .into_iter()
        .filter(|(name, _)| container::copies(&plan.containerfile, name))
    {
        let (digest, url) = (sha512(package)?, &package.dist.tarball);
        writeln!(lines, "{name}\tsha512\t{digest}\t{url}")?;
    }
    for binary in &recipe.gateway.binaries {
        let (name, url) = (&binary.name, &binary.url);
        if url.starts_with("file:") {
            bail!(
                "{url} of the binary `{name}` is on this machine, where the builder VM cannot read it: put it on a web server"
            );
        }
        writeln!(lines, "binary-{name}\tsha256\t{}\t{url}", binary.sha256)?;
    }
    Ok(lines)
}

/// Name and member, if it is in an archive, a tab between them.
fn binaries(recipe: &Recipe) -> String {
    let binaries = &recipe.gateway.binaries;
    binaries.iter().fold(String::new(), |lines, binary| {
        let member = binary.member.as_deref().unwrap_or_default();
        lines + &binary.name + "\t" + member + "\n"
    })
}

/// A package's digest, as `sha512sum` writes it.
fn sha512(package: &Package) -> Result<String> {
    let integrity = &package.dist.integrity;
    let digest = integrity
        .strip_prefix("sha512-")
        .and_then(|text| BASE64_STANDARD.decode(text).ok())
        .with_context(|| format!("npm's integrity {integrity} is no SHA-512"))?;
    Ok(key::hex(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_the_shell_as_they_were_meant() {
        let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        let text = settings(&recipe, "ADD base.tar /");
        let script = format!(
            "{text}printf '%s,' \"$image\" \"$suite\" \"$packages\" \"$scripts\" \"$warm\" \"$health_url\" \"$token_variable\""
        );
        let output = std::process::Command::new("sh")
            .args(["-euc", &script])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "docker.io/clawbake/clawdbot:2026.1.24-3,trixie,ca-certificates,curl,git,jq,procps,none,1,http://127.0.0.1:28789/,CLAWDBOT_GATEWAY_TOKEN,"
        );
    }
}
