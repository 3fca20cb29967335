//! Stage `disk`: the root with the gateway in it, verified and sealed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::cache::Cache;
use super::key::Key;
use super::root::Ids;
use super::{container, kit, layout, run};
use crate::progress::{Outcome, Stage};
use crate::recipe::{Exact, Recipe};

/// The raw disk within the stage's directory.
pub const DISK: &str = "disk.raw";
/// Installed packages and their versions, one a line.
pub const MANIFEST: &str = "packages";

/// What the disk is made from.
pub fn key(recipe: &Exact, root: &Key, gateway: &Key) -> Result<Key> {
    let mut key = Key::new("disk", 1)
        .with("root", &root.short())
        .with("gateway", &gateway.short())
        .with_all([
            ("offline", kit::OFFLINE),
            ("inside", kit::INSIDE),
            ("seal", kit::SEAL),
        ])
        .with_all(kit::PROVISION.iter().copied())
        .with_all(kit::UNITS.iter().copied())
        .with("image.json", &recipe.image_json("").to_string())
        .with("compose.yaml", &recipe.compose_yaml())
        .with("verify", &verify(recipe));
    for script in &recipe.provision {
        key = key.with(script, &read(recipe, script)?);
    }
    Ok(key)
}

fn read(recipe: &Recipe, file: &str) -> Result<String> {
    recipe
        .files
        .read(file)
        .with_context(|| format!("reading the recipe's {file}"))
}

fn verify(recipe: &Recipe) -> String {
    let place = |in_gateway| if in_gateway { "gateway" } else { "host" };
    recipe
        .verify
        .iter()
        .map(|step| format!("{}\t{}\n", place(step.in_gateway), step.run))
        .collect()
}

/// Makes the disk, or finds it in the cache. Returns the stage's directory.
pub async fn make(
    recipe: &Exact,
    name: &str,
    key: &Key,
    (root, root_key): (&Path, &Key),
    gateway: &Path,
    cache: &Cache,
    stage: &Stage,
) -> Result<(PathBuf, Outcome)> {
    let own = Cache::own("disk", recipe);
    let build = async |dir: PathBuf| {
        let log = cache.log(&own)?;
        let _ = fs::remove_file(&log);
        let input = dir.join("input");
        lay_out(recipe, name, &Ids::of(root_key), gateway, &input)?;
        fs::create_dir(dir.join("report"))?;
        let disk = dir.join(DISK);
        stage.note("copying the root");
        let mut command = Command::new("cp");
        command
            .args(["--sparse=always", "--reflink=auto"])
            .arg(root)
            .arg(&disk);
        run::run("copying the root", &mut command, &log, stage).await?;

        let script = dir.join("offline.sh");
        fs::write(&script, kit::OFFLINE)?;
        let mut command = run::script(&script);
        command.arg(&disk);
        command
            .args([layout::ROOT_OFFSET, layout::root_size(recipe.disk_gb)].map(|n| n.to_string()));
        command.arg(&dir);
        run::run("provisioning the image", &mut command, &log, stage).await?;

        fs::rename(dir.join("report").join(MANIFEST), dir.join(MANIFEST))?;
        fs::remove_dir_all(&input)?;
        fs::remove_dir_all(dir.join("report"))?;
        Ok(fs::remove_file(&script)?)
    };
    cache.stage(&own, key, build).await
}

/// Everything that `inside.sh` reads.
fn lay_out(recipe: &Exact, name: &str, ids: &Ids, gateway: &Path, input: &Path) -> Result<()> {
    write_input(recipe, name, input)?;
    let env = format!(
        "CLAWBAKE_ROOT_UUID={}\nCLAWBAKE_ESP_UUID={}\n",
        ids.root, ids.esp
    );
    fs::write(input.join("env"), env)?;
    let archive = gateway.join(container::ARCHIVE);
    fs::hard_link(&archive, input.join(container::ARCHIVE))
        .with_context(|| format!("linking {}", archive.display()))
}

/// What `inside.sh` reads wherever it runs: all but the gateway's archive and the disk's ids in `env`.
pub(crate) fn write_input(recipe: &Exact, name: &str, input: &Path) -> Result<()> {
    fs::create_dir(input)?;
    let provision = input.join("provision");
    kit::write(&provision, kit::PROVISION.iter().copied())?;
    for (index, script) in recipe.provision.iter().enumerate() {
        let file = script.rsplit('/').next().unwrap_or_default();
        // After the base's own, in the recipe's order.
        fs::write(
            provision.join(format!("5{index:02}-{file}")),
            read(recipe, script)?,
        )?;
    }
    kit::write(&input.join("units"), kit::UNITS.iter().copied())?;
    kit::write(
        input,
        [
            ("inside.sh", kit::INSIDE),
            ("seal.sh", kit::SEAL),
            ("image-ref", &recipe.container_image()),
            ("image.json", &recipe.image_json(name).to_string()),
            ("compose.yaml", &recipe.compose_yaml()),
            ("verify", &verify(recipe)),
        ],
    )?;
    Ok(())
}
