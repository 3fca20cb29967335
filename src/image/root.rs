//! Stage `root`: a bootable disk that holds a base and nothing of the gateway.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::cache::Cache;
use super::key::Key;
use super::{kit, layout, run};
use crate::progress::{Outcome, Stage};
use crate::recipe::Recipe;

/// The raw disk within the stage's directory.
pub const DISK: &str = "disk.raw";

/// File-system ids: fixed by the stage's content, so that the boot loader's configuration can name
/// them and two disks of one image differ from two disks of two.
#[derive(Debug, Clone)]
pub struct Ids {
    /// UUID of the root file system.
    pub root: String,
    /// Volume id of the EFI system partition, as `blkid` prints it.
    pub esp: String,
}

/// What the root is made from. `archive` tells the state of Debian's archive.
#[must_use]
pub fn key(recipe: &Recipe, archive: &str) -> Key {
    Key::new("root", 1)
        .with("suite", recipe.base.suite())
        .with("archive", archive)
        .with("packages", &packages(recipe))
        .with("partitions", &layout::sfdisk_script(recipe.disk_gb))
        .with("script", kit::ROOT)
}

impl Ids {
    /// The ids of the root with this key.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        let a = key.short();
        let b = key.clone().with("id", "root").short();
        Self {
            // Version 8, variant 1: a UUID whose bits are ours.
            root: format!(
                "{}-{}-8{}-8{}-{}",
                &a[..8],
                &a[8..12],
                &a[13..],
                &b[1..4],
                &b[4..]
            ),
            esp: format!("{}-{}", a[..4].to_uppercase(), a[4..8].to_uppercase()),
        }
    }
}

fn packages(recipe: &Recipe) -> String {
    let own = recipe.packages.iter().map(ToString::to_string);
    kit::packages(recipe.base)
        .map(str::to_owned)
        .chain(own)
        .collect::<Vec<_>>()
        .join(",")
}

/// Makes the disk, or finds it in the cache.
pub async fn make(
    recipe: &Recipe,
    key: &Key,
    cache: &Cache,
    stage: &Stage,
) -> Result<(PathBuf, Outcome)> {
    let (dir, outcome) = cache
        .stage("root", key, |dir| async move {
            let log = cache.log("root")?;
            let _ = fs::remove_file(&log);
            build(recipe, &Ids::of(key), &dir, &log, stage).await
        })
        .await?;
    Ok((dir.join(DISK), outcome))
}

async fn build(recipe: &Recipe, ids: &Ids, dir: &Path, log: &Path, stage: &Stage) -> Result<()> {
    let disk = dir.join(DISK);
    File::create(&disk)?.set_len(layout::disk_size(recipe.disk_gb))?;
    kit::write(
        dir,
        [
            ("partitions", &*layout::sfdisk_script(recipe.disk_gb)),
            ("root.sh", kit::ROOT),
        ],
    )?;
    let mut command = run::script(&dir.join("root.sh"));
    command.arg(&disk);
    command.args([layout::ROOT_OFFSET, layout::root_size(recipe.disk_gb)].map(|n| n.to_string()));
    command.args([&ids.root, recipe.base.suite(), &packages(recipe)]);
    run::run("making the root", command.arg(dir), log, stage).await?;

    boot_loader(ids, dir, &disk, log, stage).await
}

/// GRUB into the BIOS-boot partition, shim and GRUB into the EFI system partition.
async fn boot_loader(ids: &Ids, dir: &Path, disk: &Path, log: &Path, stage: &Stage) -> Result<()> {
    let raw = File::options().write(true).open(disk)?;
    let mut boot = fs::read(dir.join("boot.img"))?;
    let mut core = fs::read(dir.join("core.img"))?;
    layout::link_grub(&mut boot, &mut core);
    raw.write_all_at(&boot[..layout::BOOT_CODE], 0)?;
    raw.write_all_at(&core, layout::BIOS_BOOT * layout::SECTOR)?;

    let esp = dir.join("esp");
    File::create(&esp)?.set_len(layout::ESP_SIZE)?;
    let volume = ids.esp.replace('-', "");
    let mut command = Command::new("mkfs.vfat");
    command
        .args(["-F", "32", "-n", "ESP", "-i", &volume])
        .arg(&esp);
    run::run("making the EFI system partition", &mut command, log, stage).await?;
    let stub = dir.join("grub.cfg");
    fs::write(
        &stub,
        format!(
            "search --no-floppy --fs-uuid --set=root {}\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n",
            ids.root
        ),
    )?;
    let mut command = Command::new("mmd");
    command
        .arg("-i")
        .arg(&esp)
        .args(["::EFI", "::EFI/BOOT", "::EFI/debian"]);
    run::run("making the EFI directories", &mut command, log, stage).await?;
    let files = [
        ("BOOTX64.EFI", "::EFI/BOOT/BOOTX64.EFI"),
        ("grubx64.efi", "::EFI/BOOT/grubx64.efi"),
        ("grub.cfg", "::EFI/debian/grub.cfg"),
    ];
    for (from, to) in files {
        let mut command = Command::new("mcopy");
        command.arg("-i").arg(&esp).arg(dir.join(from)).arg(to);
        run::run("filling the EFI system partition", &mut command, log, stage).await?;
    }
    raw.write_all_at(&fs::read(&esp)?, layout::ESP_OFFSET)?;
    for leftover in [
        "esp",
        "boot.img",
        "core.img",
        "BOOTX64.EFI",
        "grubx64.efi",
        "grub.cfg",
        "partitions",
        "root.sh",
    ] {
        fs::remove_file(dir.join(leftover)).with_context(|| format!("removing {leftover}"))?;
    }
    Ok(())
}
