//! A larger state disk.

use anyhow::{Context, Result, ensure};

use super::disk;
use crate::fleet;
use crate::progress::Outcome;
use crate::run::Run;

/// What a growth has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grown {
    /// Size before it, in GiB.
    pub from: u64,
    /// Size since, in GiB.
    pub to: u64,
    /// Whether a VM uses the disk, and sees the room after its next start.
    pub in_use: bool,
}

/// Makes the state disk as large as this, in GiB. The guest grows the file system when it starts.
pub async fn grow(run: &Run, gb: u64) -> Result<Grown> {
    let name = fleet::state_disk_name(&run.deployment);
    let disk = disk(run).await?;
    let disk = disk.with_context(|| format!("there is no state disk {name}"))?;
    let from = disk.size_gb.unwrap_or_default();
    ensure!(
        gb >= from,
        "the state disk {name} has {from} GiB, and a disk cannot shrink"
    );
    let stage = run.progress.stage("state disk");
    if gb == from {
        stage.finish(Outcome::Cached, format!("{name} has {gb} GiB"));
    } else {
        let disks = run.cloud.client.disks(&run.cloud.zone);
        disks.resize(&name, gb).await?.wait().await?;
        stage.finish(Outcome::Done, format!("{name}: {from} to {gb} GiB"));
    }
    Ok(Grown {
        from,
        to: gb,
        in_use: !disk.users.is_empty(),
    })
}
