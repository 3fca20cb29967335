//! Stage `gateway`: the gateway's container image as a Docker archive, its caches warm.
//!
//! buildah builds it from the recipe's Containerfile in a chroot, so neither a daemon nor a container
//! registry is needed: the base is a Debian root, Node comes from npm.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use super::cache::Cache;
use super::key::Key;
use super::sources::Sources;
use super::{context, kit, run};
use crate::progress::{Outcome, Stage};
use crate::recipe::{Binary, Exact, FILES_DIR};

/// The Docker archive within the stage's directory.
pub const ARCHIVE: &str = "gateway.tar";
/// What the warm start took: `{seconds, peak_kib}`.
pub const WARM_START: &str = "warm.json";
/// What `warm.mjs` puts before its measurement.
const WARM_MARKER: &str = "clawbake-warm: ";

/// What the container image is made from.
pub fn key(recipe: &Exact, containerfile: &str, sources: &Sources, archive: &str) -> Result<Key> {
    let files = context::files(recipe)?;
    let gateway = &recipe.gateway;
    let binaries = gateway
        .binaries
        .iter()
        .map(|b| (b.name.as_str(), &*b.sha256));
    let member = |b: &Binary| format!("{}={}\0", b.name, b.member.as_deref().unwrap_or_default());
    let members: String = gateway.binaries.iter().map(member).collect();
    let plugins = gateway
        .plugins
        .as_ref()
        .map_or_else(String::new, |it| format!("{}\0{}", it.into, kit::PLUGINS));
    let key = Key::new("gateway", 1)
        .with("suite", recipe.base.suite())
        .with("archive", archive)
        .with("packages", &gateway.container.packages())
        .with("containerfile", containerfile)
        .with("package.json", &context::package_json(recipe).to_string())
        .with_all(
            [&sources.node, &sources.npm, &sources.gateway]
                .map(|p| (p.version.as_str(), p.dist.integrity.as_str())),
        )
        .with_all(binaries)
        .with("members", &members)
        .with("context", kit::CONTEXT)
        .with("member", kit::MEMBER)
        .with("script", kit::CONTAINER)
        .with("user", kit::NOBODY)
        .with("scripts", context::scripts(recipe, containerfile))
        .with(
            "warm",
            if gateway.container.warm {
                kit::WARM
            } else {
                ""
            },
        )
        .with("command", &gateway.command.join("\0"))
        .with(
            "seeds",
            &gateway
                .state
                .seeds
                .iter()
                .map(|s| format!("{}={}", s.path, s.content))
                .collect::<String>(),
        )
        .with("plugins", &plugins)
        .with_all(files.iter().map(|(path, text)| (&***path, text.as_str())));
    Ok(key)
}

/// The Containerfile, with nothing left open.
pub fn containerfile(recipe: &Exact, sources: &Sources) -> Result<String> {
    let gateway = &recipe.gateway;
    let template = match &gateway.container.file {
        Some(file) => recipe
            .files
            .read(file)
            .with_context(|| format!("reading the recipe's {file}"))?,
        None => kit::CONTAINERFILE.to_owned(),
    };
    let version = recipe.version.to_string();
    let label = |name: &str, value: &str| json!({"name": name, "value": value});
    let mut context = tera::Context::new();
    let base = gateway.container.base.as_deref();
    context.insert("base", base.unwrap_or_default());
    context.insert("prune", &gateway.release.prune);
    context.insert(
        "binaries",
        &gateway.binaries.iter().map(|b| &b.name).collect::<Vec<_>>(),
    );
    context.insert("files", &!gateway.container.files.is_empty());
    context.insert("files_dir", FILES_DIR);
    context.insert("package", &gateway.release.npm);
    context.insert("command", &gateway.command);
    // What the state of another gateway calls by its old name is found.
    let adopts = gateway.state.adopts.as_ref();
    context.insert(
        "links",
        &adopts
            .map(|it| &it.moves)
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
    );
    let variable = |(name, value): (_, &String)| json!({"name": name, "value": quoted(value)});
    let variables: Vec<_> = gateway.env.iter().map(variable).collect();
    context.insert("env", &variables);
    context.insert(
        "labels",
        &[
            label("org.opencontainers.image.title", &recipe.name),
            label("org.opencontainers.image.version", &version),
            label("dev.clawbake.recipe", &recipe.name),
            label(
                "dev.clawbake.gateway",
                &format!("{}@{version}", gateway.release.npm),
            ),
            label("dev.clawbake.node", sources.node_version()),
        ],
    );
    tera::Tera::one_off(&template, &context, false).context("rendering the recipe's Containerfile")
}

/// A word as a Containerfile's `ENV` reads it back unchanged.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('$', "\\$");
    format!("\"{escaped}\"")
}

/// Makes the archive, or finds it in the cache. Returns the stage's directory.
pub async fn make(
    recipe: &Exact,
    key: &Key,
    containerfile: &str,
    sources: &Sources,
    cache: &Cache,
    stage: &Stage,
) -> Result<(PathBuf, Outcome)> {
    let own = Cache::own("gateway", recipe);
    let build = async |dir: PathBuf| {
        let log = cache.log(&own)?;
        let _ = fs::remove_file(&log);
        let work = dir.join("work");
        context::lay_out(recipe, containerfile, sources, &work)?;
        let mut command = run::script(&work.join("context.sh"));
        command.arg(&work).arg(cache.shared("downloads")?);
        run::run(
            "gathering what the container is made from",
            &mut command,
            &log,
            stage,
        )
        .await?;
        let mut command = run::script(&work.join("nobody.sh"));
        command
            .arg(&work)
            .arg(cache.shared("npm")?)
            .arg("container.sh");
        let printed = run::output(
            "building the gateway's container image",
            &mut command,
            &log,
            stage,
        )
        .await?;
        let mut lines = printed.iter().rev();
        if let Some(start) = lines.find_map(|line| line.strip_prefix(WARM_MARKER)) {
            fs::write(dir.join(WARM_START), start)?;
        }
        fs::rename(work.join(ARCHIVE), dir.join(ARCHIVE)).context("taking over the archive")?;
        fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))
    };
    cache.stage(&own, key, build).await
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// What a parser stumbles over, alone, next to each other and at both ends.
    fn values() -> Vec<String> {
        let pieces = [
            "\"", "'", "\\", "\\\\", "$", "${X}", "${X:-y}", "$X", "$(id)", "`id`", "#", " ", "\t",
            "=", "\\n", "\\$", "\\\"", "{{ X }}", "%", "[", "]", ",", "é日", "\u{a0}", "\u{2028}",
            "a", "",
        ];
        let mut values: Vec<_> = pieces
            .iter()
            .flat_map(|one| pieces.iter().map(move |other| format!("{one}{other}")))
            .collect();
        values.extend(
            pieces
                .iter()
                .map(|piece| format!("x{piece}{piece}y {piece}")),
        );
        values
    }

    #[test]
    #[ignore = "takes root and buildah"]
    fn variables_are_read_back_by_buildah_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let values = values();
        let mut file = "FROM scratch\n".to_owned();
        for (index, value) in values.iter().enumerate() {
            writeln!(file, "ENV V{index}={}", quoted(value)).unwrap();
        }
        fs::write(dir.path().join("Containerfile"), file).unwrap();
        let buildah = |words: &[&str]| {
            let mut command = std::process::Command::new("buildah");
            let dir = |name| dir.path().join(name);
            command
                .arg("--root")
                .arg(dir("storage"))
                .arg("--runroot")
                .arg(dir("run"));
            let output = command
                .arg("--storage-driver=vfs")
                .args(words)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            output.stdout
        };
        let context = dir.path().to_str().unwrap();
        buildah(&["build", "--layers=false", "--tag=docker.io/x/x:1", context]);
        let printed = buildah(&["inspect", "--type=image", "docker.io/x/x:1"]);
        let image: serde_json::Value = serde_json::from_slice(&printed).unwrap();
        let read = image["OCIv1"]["config"]["Env"].as_array().unwrap();
        let expected = values
            .iter()
            .enumerate()
            .map(|(index, value)| format!("V{index}={value}"));
        let differences: Vec<_> = expected
            .filter(|variable| !read.iter().any(|read| read == variable))
            .collect();
        assert_eq!((values.len(), differences), (756, Vec::new()));
    }
}
