//! `clawbake status`

use anyhow::Result;
use gce::{Disk, Snapshot};
use serde_json::{Value, json};

use super::ago::{age, now};
use super::deployment_file::DeploymentFile;
use super::output::outln;
use crate::cloud::Reach;
use crate::deployment::Deployment;
use crate::fleet::{self, Instance, Memory, Report, Room, Written};
use crate::labels;
use crate::progress::Progress;
use crate::run::Run;
use crate::state;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let run = Run::connect(args.deployment.load()?, Progress::silent()).await?;
    let name = &run.deployment.name;
    let instance = run
        .cloud
        .client
        .instances(&run.cloud.zone)
        .find(name)
        .await?;
    let kept = Kept::look(&run).await?;
    let Some(instance) = instance else {
        if args.json {
            let document = json!({"name": name, "status": null, "state": kept.json()});
            return outln!("{}", serde_json::to_string_pretty(&document)?);
        }
        outln!("{name}: no VM (`clawbake up` makes one)")?;
        return print(&kept.rows(&run.deployment));
    };
    let report = fleet::report(&run.cloud, &instance).await?;
    let memory = fleet::memory(&run.cloud, &instance).await?;
    let room = fleet::room(&run.cloud, &instance).await?;
    let status = instance.status.as_deref().unwrap_or("UNKNOWN");
    let front = run.deployment.recipe.gateway.ports.front;
    let (url, tunnel) = match run.cloud.reach(&instance, front) {
        Reach::Url(url) => (Some(url), None),
        Reach::Tunnel(command) => (None, Some(command)),
    };
    if args.json {
        let document = json!({
            "name": name,
            "status": status,
            "machineType": fleet::machine_type_of(&instance),
            "template": instance.labels.get(labels::TEMPLATE),
            "report": report,
            "memory": memory,
            "disks": room,
            "state": kept.json(),
            "url": url,
            "tunnel": tunnel,
        });
        return outln!("{}", serde_json::to_string_pretty(&document)?);
    }
    outln!("VM       {name} {status}")?;
    print(&[("machine", machine(&instance, &run.deployment))])?;
    let template = instance.labels.get(labels::TEMPLATE);
    print(&template.map_or(Vec::new(), |name| vec![("template", name.clone())]))?;
    print(&rows(report.as_ref()))?;
    print(&memory.map_or(Vec::new(), |memory| memory_rows(&memory, &instance)))?;
    print(&kept.rows(&run.deployment))?;
    print(&room.map_or(Vec::new(), |room| room_rows(&room, kept.gb())))?;
    if let Some(way) = url.or(tunnel) {
        outln!("address  {way}")?;
    }
    Ok(())
}

type Row = (&'static str, String);

fn print(rows: &[Row]) -> Result<()> {
    for (label, text) in rows {
        outln!("{label:<9}{text}")?;
    }
    Ok(())
}

fn machine(instance: &Instance, deployment: &Deployment) -> String {
    let is = fleet::machine_type_of(instance);
    let wanted = &deployment.machine.r#type;
    if is == &**wanted {
        is.to_owned()
    } else {
        format!("{is}, and {wanted} in the deployment: `clawbake resize {wanted}`")
    }
}

fn memory_rows(memory: &Memory, instance: &Instance) -> Vec<Row> {
    let kills = match memory.oom_kills {
        0 => String::new(),
        1 => ", a program was killed for want of it".into(),
        many => format!(", programs were killed for want of it {many} times"),
    };
    let Memory {
        available_mb,
        total_mb,
        ..
    } = memory;
    let text = format!("{available_mb} of {total_mb} MiB available{kills}");
    let remedy = fleet::remedy(memory, instance);
    let remedy = remedy.map(|remedy| ("remedy", remedy));
    [("memory", text)].into_iter().chain(remedy).collect()
}

fn room_rows(room: &Room, state_gb: u64) -> Vec<Row> {
    let state = room.state_used_percent;
    let state = state.map_or(String::new(), |used| format!("state {used} % used, "));
    let text = format!("{state}boot {} % used", room.boot_used_percent);
    let remedies = fleet::more_room(room, state_gb).into_iter();
    let remedies = remedies.map(|remedy| ("remedy", remedy));
    [("disks", text)].into_iter().chain(remedies).collect()
}

/// What is kept of a gateway, with and without a VM.
struct Kept {
    disk: Option<Disk>,
    /// The newest that can be restored from.
    snapshot: Option<Snapshot>,
    /// The one that a restore is under way from.
    restoring: Option<Snapshot>,
}

impl Kept {
    async fn look(run: &Run) -> Result<Self> {
        let snapshots = state::list(run).await?.into_iter();
        let mut ready = snapshots.filter(|it| it.status.as_deref() == Some("READY"));
        Ok(Self {
            disk: state::disk(run).await?,
            snapshot: ready.next(),
            restoring: state::restoring(run).await?,
        })
    }

    /// GiB of the state disk.
    fn gb(&self) -> u64 {
        self.disk
            .as_ref()
            .and_then(|it| it.size_gb)
            .unwrap_or_default()
    }

    /// What is written where a rollout is under way.
    fn rollout(&self) -> Option<[Option<&str>; 2]> {
        let disk = self.disk.as_ref().map(|it| &it.labels);
        let labels = disk.or(self.restoring.as_ref().map(|it| &it.labels))?;
        let said = |key: &str| labels.get(key).map(String::as_str);
        said(labels::ROLLOUT).map(|step| [Some(step), said(labels::ROLLOUT_TO)])
    }

    fn json(&self) -> Value {
        let label = |key: &str| self.disk.as_ref().and_then(|it| it.labels.get(key));
        let name = |it: &Option<Snapshot>| it.as_ref().and_then(|it| it.name.clone());
        json!({
            "disk": self.disk.as_ref().map(|it| &it.name),
            "sizeGb": self.disk.as_ref().map(|it| it.size_gb),
            "gateway": label(labels::GATEWAY),
            "schema": label(labels::SCHEMA),
            "snapshot": name(&self.snapshot),
            "restoring": name(&self.restoring),
            "rollout": self.rollout().map(|[step, to]| json!({"step": step, "to": to})),
        })
    }

    fn rows(&self, deployment: &Deployment) -> Vec<Row> {
        let mut rows = Vec::new();
        if let Some(disk) = &self.disk {
            rows.push(("state", disk_line(disk, deployment)));
        }
        let newest = self.snapshot.as_ref().map(|snapshot| {
            let name = snapshot.name.as_deref().unwrap_or_default();
            ("snapshot", format!("{name}, {}", age(snapshot, now())))
        });
        rows.extend(newest);
        if let Some(snapshot) = &self.restoring {
            let name = snapshot.name.as_deref().unwrap_or_default();
            let text = format!("from {name} is under way: `clawbake state restore` goes on");
            rows.push(("restore", text));
        }
        if let Some([step, to]) = self.rollout() {
            let (step, to) = (step.unwrap_or_default(), to.unwrap_or("?"));
            let text = format!("to {to} is under way ({step}): `clawbake recreate` goes on");
            rows.push(("rollout", text));
        }
        rows
    }
}

fn disk_line(disk: &Disk, deployment: &Deployment) -> String {
    let name = disk.name.as_deref().unwrap_or_default();
    let size = disk.size_gb.unwrap_or_default();
    let written = match Written::of(&disk.labels) {
        Ok(None) => String::new(),
        Ok(Some(written)) => format!(", written by {written}"),
        Err(error) => format!(", {error:#}"),
    };
    let wanted = u64::from(deployment.state.disk_gb);
    let growth = if size < wanted {
        format!(", and {wanted} GiB in the deployment: `clawbake state grow {wanted}`")
    } else {
        String::new()
    };
    format!("{name}, {size} GiB{written}{growth}")
}

/// The VM's report as rows. A line break in its text must not look like another row.
fn rows(report: Option<&Report>) -> Vec<Row> {
    let Some(report) = report else {
        return vec![("phase", "no report of this start yet".into())];
    };
    let mut rows = vec![("phase", format!("{} at {}", report.phase, report.at))];
    rows.extend(report.reason.clone().map(|reason| ("reason", reason)));
    rows.push(("gateway", report.gateway.clone()));
    rows.push(("image", report.image.clone()));
    for (_, text) in &mut rows {
        *text = text.replace('\n', "\n         ");
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output;
    use crate::fleet::Phase;

    #[test]
    fn a_vm_cannot_command_the_terminal_or_forge_a_row() {
        let awkward: String = ('\0'..='\u{2fff}').collect::<String>() + "\naddress  http://evil/";
        let report = Report {
            nonce: awkward.clone(),
            boot_id: awkward.clone(),
            image: awkward.clone(),
            gateway: awkward.clone(),
            phase: Phase::Ready,
            at: awkward.clone(),
            reason: Some(awkward),
        };
        let rows = rows(Some(&report)).into_iter();
        let shown: String = rows
            .map(|(label, text)| output::line(&format!("{label:<9}{text}")))
            .collect();
        let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || c == '\u{202e}';
        assert_eq!(shown.find(bad), None);
        assert!(shown.contains("\\u001b") && shown.contains("\\u009b"));
        assert!(!shown.contains("\naddress"), "{shown}");
    }

    #[test]
    fn what_is_kept_is_told_and_what_is_under_way() {
        let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let text = include_str!("../userdata/testdata/clawbake.yaml");
        let deployment = Deployment::parse("clawbake.yaml", text, "".as_ref()).unwrap();
        let disk = Disk {
            name: Some("d".into()),
            size_gb: Some(5),
            labels: [
                (labels::GATEWAY, "2026-9-6"),
                (labels::SCHEMA, "18-23"),
                (labels::ROLLOUT, "stopped"),
                (labels::ROLLOUT_TO, "t"),
            ]
            .map(pair)
            .into(),
            ..Disk::default()
        };
        let kept = Kept {
            disk: Some(disk),
            snapshot: None,
            restoring: None,
        };
        assert_eq!(
            kept.rows(&deployment),
            [
                (
                    "state",
                    "d, 5 GiB, written by 2026.9.6 (schema 18/23), and 10 GiB in the deployment: \
                     `clawbake state grow 10`"
                        .to_owned()
                ),
                (
                    "rollout",
                    "to t is under way (stopped): `clawbake recreate` goes on".to_owned()
                ),
            ]
        );
        // While a restore has no disk, its snapshot knows of the rollout.
        let lost = Kept {
            restoring: Some(Snapshot {
                name: Some("s".into()),
                labels: [(labels::ROLLOUT, "stopped")].map(pair).into(),
                ..Snapshot::default()
            }),
            disk: None,
            snapshot: None,
        };
        let rows = lost.rows(&deployment);
        assert_eq!(
            rows.iter().map(|row| row.0).collect::<Vec<_>>(),
            ["restore", "rollout"]
        );
        assert_eq!(lost.json()["rollout"]["step"], "stopped");
    }

    #[test]
    fn a_disk_that_fills_up_comes_with_its_remedy() {
        let room = Room {
            at: "2026-01-01T00:00:00Z".into(),
            state_used_percent: Some(91),
            boot_used_percent: 40,
        };
        let rows = room_rows(&room, 10);
        assert_eq!(rows[0], ("disks", "state 91 % used, boot 40 % used".into()));
        assert!(
            rows[1].1.starts_with("`clawbake state grow 15`"),
            "{rows:?}"
        );
    }

    #[test]
    fn a_vm_that_has_not_reported_since_its_start_says_nothing() {
        assert_eq!(
            rows(None),
            [("phase", "no report of this start yet".to_owned())]
        );
    }
}
