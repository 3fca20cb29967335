//! What `context.sh` and `container.sh` read: all that the gateway's container is made from, in one
//! directory. Both builders run these scripts, on this machine and in a VM.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use super::sources::Sources;
use super::{key, kit};
use crate::names::RelativePath;
use crate::recipe::{Exact, Recipe, Scripts};
use crate::release::Package;

/// Writes it into a directory.
pub(crate) fn lay_out(
    recipe: &Exact,
    containerfile: &str,
    sources: &Sources,
    dir: &Path,
) -> Result<()> {
    seed(recipe, &dir.join("seed"))?;
    kit::write(
        dir,
        [
            ("context.sh", kit::CONTEXT),
            ("member.sh", kit::MEMBER),
            ("nobody.sh", kit::NOBODY),
            ("container.sh", kit::CONTAINER),
            ("plugins.sh", kit::PLUGINS),
            ("warm.mjs", kit::WARM),
            ("settings", &settings(recipe, containerfile, sources)?),
            ("sources", &table(recipe, containerfile, sources)?),
            ("command.json", &json!(recipe.gateway.command).to_string()),
            ("context/Containerfile", containerfile),
            ("context/package.json", &package_json(recipe).to_string()),
        ],
    )?;
    let files = files(recipe)?;
    let files = files.iter().map(|(path, text)| (&***path, text.as_str()));
    kit::write(&dir.join("context/files"), files)?;
    Ok(())
}

/// The recipe's own files that the container gets: path and content.
pub(super) fn files(recipe: &Recipe) -> Result<Vec<(&RelativePath, String)>> {
    let paths = recipe.gateway.container.files.iter();
    let read = paths.map(|path| {
        let text = recipe.files.read(path);
        Ok((
            path,
            text.with_context(|| format!("reading the recipe's {path}"))?,
        ))
    });
    read.collect()
}

/// Variables of the shell. No value needs quotes but the registry, which comes from the environment.
fn settings(recipe: &Exact, containerfile: &str, sources: &Sources) -> Result<String> {
    let gateway = &recipe.gateway;
    let suite = if copies(containerfile, "base.tar") {
        recipe.base.suite()
    } else {
        ""
    };
    let scripts = scripts(recipe, containerfile);
    let (into, plugins) = match &gateway.plugins {
        Some(plugins) => (
            format!("{}/{}", gateway.release.npm, plugins.into),
            plugins.names(),
        ),
        None => (String::new(), String::new()),
    };
    let warm = if gateway.container.warm { "1" } else { "" };
    let registry = shlex::try_quote(&sources.registry).context("quoting npm's registry")?;
    Ok(format!(
        "image=docker.io/{}\nregistry={registry}\nsuite={suite}\npackages={}\nscripts={scripts}\nplugins={plugins}\nplugins_into={into}\nwarm={warm}\nhealth_url=http://127.0.0.1:{}/\ntoken_variable={}\n",
        recipe.container_image(),
        gateway.container.packages(),
        gateway.ports.inner,
        gateway.token_env,
    ))
}

/// The files to fetch, one a line: path in the context, algorithm, digest, URL, and the member of an
/// archive, with tabs between them.
fn table(recipe: &Recipe, containerfile: &str, sources: &Sources) -> Result<String> {
    let mut lines = String::new();
    for (path, package, member) in [
        ("npm", &sources.npm, "*"),
        ("node", &sources.node, "package/bin/node"),
    ] {
        if copies(containerfile, path) {
            let (digest, url) = (sha512(package)?, tarball(package)?);
            writeln!(lines, "{path}\tsha512\t{digest}\t{url}\t{member}")?;
        }
    }
    for binary in &recipe.gateway.binaries {
        let (name, sha256, url) = (&binary.name, &binary.sha256, &binary.url);
        let member = binary.member.as_deref().unwrap_or_default();
        writeln!(lines, "binaries/{name}\tsha256\t{sha256}\t{url}\t{member}")?;
    }
    Ok(lines)
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

/// A package's URL: whatever the registry says, it is one word.
fn tarball(package: &Package) -> Result<reqwest::Url> {
    let text = &package.dist.tarball;
    let url = reqwest::Url::parse(text).with_context(|| format!("npm's tarball {text}"))?;
    ensure!(
        ["http", "https"].contains(&url.scheme()),
        "npm's tarball {text} is not on the web"
    );
    Ok(url)
}

/// What npm installs.
pub(super) fn package_json(recipe: &Exact) -> serde_json::Value {
    let release = &recipe.gateway.release;
    let overrides: serde_json::Map<_, _> = release
        .overrides
        .iter()
        .map(|(name, to)| (name.to_string(), json!(to)))
        .collect();
    let plugins = recipe.gateway.plugins.iter().flat_map(|it| &it.npm);
    let dependencies: serde_json::Map<_, _> = std::iter::once(&release.npm)
        .chain(plugins)
        .map(|name| (name.to_string(), json!(recipe.version.to_string())))
        .collect();
    json!({
        "name": recipe.name.to_string(),
        "private": true,
        "dependencies": dependencies,
        "overrides": overrides,
    })
}

/// Whether a Containerfile copies a file of its context: what it does not copy is not made. A pattern
/// counts as a copy of everything.
fn copies(containerfile: &str, file: &str) -> bool {
    let is_copied = |source: &&str| {
        let name = source.trim_start_matches("./").trim_end_matches('/');
        name == file || ["", "."].contains(&name) || name.contains(['*', '?'])
    };
    // A backslash at its end continues a line.
    containerfile.replace("\\\n", " ").lines().any(|line| {
        // `COPY ["npm", "/opt/npm"]` is another way to write it.
        let words: Vec<_> = line
            .split(|c: char| c.is_whitespace() || "[],\"".contains(c))
            .filter(|word| !word.is_empty())
            .collect();
        let [command, sources @ .., _destination] = words.as_slice() else {
            return false;
        };
        let is_copy = ["COPY", "ADD"]
            .iter()
            .any(|copy| command.eq_ignore_ascii_case(copy));
        is_copy && sources.iter().any(is_copied)
    })
}

/// How the install scripts of npm's packages are run; a container without npm has none.
pub(super) fn scripts(recipe: &Recipe, containerfile: &str) -> &'static str {
    let scripts = if copies(containerfile, "npm") {
        recipe.gateway.container.scripts
    } else {
        Scripts::None
    };
    scripts.name()
}

/// A home directory as a fresh state disk would have it.
fn seed(recipe: &Recipe, home: &Path) -> Result<()> {
    let state = &recipe.gateway.state;
    fs::create_dir_all(home)?;
    for dir in &state.dirs {
        fs::create_dir_all(home.join(&**dir))?;
    }
    for seed in &state.seeds {
        fs::write(home.join(&*seed.path), seed.content.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
