//! `clawbake state`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use gce::Snapshot;
use serde_json::json;

use super::ago::{age, now};
use super::deployment_file::DeploymentFile;
use super::output::{errln, outln};
use super::terminal;
use crate::fleet::{self, Counted, Counts, Written};
use crate::labels;
use crate::progress::{Outcome, Progress};
use crate::rollout;
use crate::run::Run;
use crate::state::{self, Why};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take a snapshot of the state disk
    Snapshot {
        #[command(flatten)]
        common: Common,
    },
    /// List snapshots of the state, newest first
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Make the state disk what it was at a snapshot
    Restore {
        /// Snapshot name, else the newest
        #[arg(value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Write the state to FILE as a gzipped tar
    Export {
        /// Archive to write
        #[arg(value_name = "FILE")]
        archive: PathBuf,
        /// Export the snapshot NAME instead of the present state
        #[arg(long, value_name = "NAME")]
        snapshot: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Make the state disk larger
    Grow {
        /// Size to grow to, in GiB
        #[arg(value_name = "GB", value_parser = clap::value_parser!(u64).range(1..=65536))]
        gb: u64,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Common {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Common {
    async fn connect(&self, progress: Progress) -> Result<Run> {
        Run::connect(self.deployment.load()?, progress).await
    }
}

pub(super) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Snapshot { common } => snapshot(&common).await,
        Command::List { common } => list(&common).await,
        Command::Restore { name, common } => restore(name.as_deref(), &common).await,
        Command::Export {
            archive,
            snapshot,
            common,
        } => export(&archive, snapshot.as_deref(), &common).await,
        Command::Grow { gb, common } => grow(gb, &common).await,
    }
}

async fn snapshot(common: &Common) -> Result<()> {
    let run = common.connect(terminal::progress()).await?;
    let stage = run.progress.stage("counts");
    let counts = match fleet::count(&run, &stage).await? {
        Counted::Known(counts) => {
            let shown = Some(counts.to_string()).filter(|it| !it.is_empty());
            stage.finish(Outcome::Done, shown.unwrap_or_else(|| "none".into()));
            counts
        }
        Counted::Unknown(why) => {
            let text = format!("unknown, and not in the snapshot's labels: {why}");
            stage.finish(Outcome::Cached, text);
            Counts::default()
        }
    };
    let taken = state::snapshot(&run, Why::Asked, &counts).await?;
    if common.json {
        outln!("{}", serde_json::to_string_pretty(&taken)?)
    } else {
        outln!("{}", taken.name.unwrap_or_default())
    }
}

async fn list(common: &Common) -> Result<()> {
    let run = common.connect(Progress::silent()).await?;
    let snapshots = state::list(&run).await?;
    if common.json {
        return outln!("{}", serde_json::to_string_pretty(&snapshots)?);
    }
    for snapshot in &snapshots {
        outln!("{}", line(snapshot, now()))?;
    }
    if snapshots.is_empty() {
        errln!("the state has no snapshot: `clawbake state snapshot` takes one");
    }
    Ok(())
}

async fn restore(name: Option<&str>, common: &Common) -> Result<()> {
    let run = common.connect(terminal::progress()).await?;
    rollout::ensure_not_migrating(&run).await?;
    let snapshot = chosen(&run, name).await?;
    // Before the VM goes for nothing.
    state::ensure_ready(&snapshot)?;
    fleet::retire(&run).await?;
    let restored = state::restore(&run, &snapshot).await?;
    state::retain(&run).await?;
    let disk = fleet::state_disk_name(&run.deployment);
    let name = snapshot.name.unwrap_or_default();
    if restored.before {
        errln!("an earlier run had made {disk} from {name}: only its mark was left to take away");
    }
    if let Some(saved) = &restored.saved {
        errln!("back again: clawbake state restore {saved}   (the state that there was)");
    }
    errln!("the VM:     clawbake launch   (there is none now)");
    if common.json {
        let document = json!({"disk": disk, "snapshot": name, "saved": restored.saved});
        return outln!("{}", serde_json::to_string_pretty(&document)?);
    }
    outln!("{disk} is {name}")
}

/// The snapshot to restore from: the one of this name; else the one that a restore is under way from,
/// else the newest that can be restored from.
async fn chosen(run: &Run, name: Option<&str>) -> Result<Snapshot> {
    if let Some(name) = name {
        return state::find(run, name).await;
    }
    if let Some(under_way) = state::restoring(run).await? {
        return Ok(under_way);
    }
    let snapshots = state::list(run).await?.into_iter();
    let mut ready = snapshots.filter(|it| it.status.as_deref() == Some("READY"));
    let none = "the state has no snapshot to restore from: `clawbake state list` shows them all";
    ready.next().context(none)
}

async fn export(file: &Path, snapshot: Option<&str>, common: &Common) -> Result<()> {
    let run = common.connect(terminal::progress()).await?;
    let snapshot = match snapshot {
        Some(name) => Some(state::find(&run, name).await?),
        None => None,
    };
    let family = &run.deployment.recipe.family;
    let image = run.cloud.client.images().find_in_family(family).await?;
    let image = image.with_context(|| {
        format!("the family {family} has no image to pack with: `clawbake bake` makes one")
    })?;
    let exported = state::export(&run, snapshot.as_ref(), &image, file).await?;
    errln!("elsewhere:  clawbake launch --import FILE");
    if common.json {
        let document = json!({"file": file, "bytes": exported.bytes, "files": exported.files});
        return outln!("{}", serde_json::to_string_pretty(&document)?);
    }
    outln!(
        "{}: {} bytes, {} files",
        file.display(),
        exported.bytes,
        exported.files
    )
}

async fn grow(gb: u64, common: &Common) -> Result<()> {
    let run = common.connect(terminal::progress()).await?;
    let grown = state::grow(&run, gb).await?;
    if u64::from(run.deployment.state.disk_gb) < gb {
        errln!(
            "write it into the deployment, too, for a disk made anew:  state: {{disk_gb: {gb}}}"
        );
    }
    if grown.in_use && grown.from < grown.to {
        errln!("the gateway has the room after:  clawbake restart");
    }
    if common.json {
        let document = json!({"fromGb": grown.from, "toGb": grown.to, "inUse": grown.in_use});
        return outln!("{}", serde_json::to_string_pretty(&document)?);
    }
    outln!("{} GiB", grown.to)
}

/// A snapshot in one line: name, age, size, what it takes, who wrote it, what for, what was counted.
fn line(snapshot: &Snapshot, now: u64) -> String {
    let label = |key: &str| snapshot.labels.get(key).map_or("-", String::as_str);
    let why = if snapshot.auto_created == Some(true) {
        "schedule"
    } else {
        label(labels::WHY)
    };
    let version = match Written::of(&snapshot.labels) {
        Ok(written) => written.map_or("-".into(), |it| it.version.to_string()),
        Err(_) => label(labels::GATEWAY).to_owned(),
    };
    let counts = label(labels::COUNTS).parse::<Counts>();
    let counts = counts.map_or("-".into(), |counts| counts.to_string());
    let status = snapshot.status.as_deref().unwrap_or_default();
    let mark = match snapshot.labels.get(labels::RESTORING) {
        Some(disk) => format!("   {disk} is being restored from it"),
        None if status == "READY" => String::new(),
        None => format!("   {status}"),
    };
    format!(
        "{:<50} {:>10} {:>5} GiB {:>7} MiB  {version:<14} {why:<16} {counts}{mark}",
        snapshot.name.as_deref().unwrap_or_default(),
        age(snapshot, now),
        snapshot.disk_size_gb.unwrap_or_default(),
        snapshot.storage_bytes.unwrap_or_default().div_ceil(1 << 20),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_told_in_a_line() {
        let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut snapshot = Snapshot {
            name: Some("gateway-state-0123abcd".into()),
            creation_timestamp: Some("1970-01-02T00:00:00.000-08:00".into()),
            status: Some("READY".into()),
            disk_size_gb: Some(10),
            storage_bytes: Some((3 << 20) - 1),
            labels: [
                (labels::GATEWAY, "2026-1-24-3"),
                (labels::WHY, "before-change"),
                (labels::COUNTS, "cron-1_sessions-4"),
            ]
            .map(pair)
            .into(),
            ..Snapshot::default()
        };
        let shown = |snapshot: &Snapshot| {
            let line = line(snapshot, 3 * 86_400);
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            shown(&snapshot),
            "gateway-state-0123abcd 1 d ago 10 GiB 3 MiB 2026.1.24-3 before-change cron 1, sessions 4"
        );
        let marks = [(labels::RESTORING, "d"), (labels::GATEWAY, "odd")];
        snapshot.labels = marks.map(pair).into();
        snapshot.auto_created = Some(true);
        let told = shown(&snapshot);
        assert!(
            told.ends_with("odd schedule - d is being restored from it"),
            "{told}"
        );
    }
}
