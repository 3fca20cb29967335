//! `clawbake template`

use anyhow::{Context, Result};
use clap::Subcommand;
use gce::InstanceTemplate;
use serde::Serialize;

use super::deployment_file::DeploymentFile;
use super::output::outln;
use super::terminal;
use crate::fleet::{self, Instance};
use crate::labels::{GATEWAY, IMAGE, SCHEMA, TEMPLATE};
use crate::progress::Progress;
use crate::run::Run;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the deployment's templates, newest first
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show a template
    Show {
        /// Template name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Delete old, unused templates
    Prune {
        /// Keep the newest N of those not in use
        #[arg(long, value_name = "N", default_value_t = 3)]
        keep: usize,
        /// Show what would be done
        #[arg(long)]
        dry_run: bool,
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

pub(super) async fn run(command: Command) -> Result<()> {
    match command {
        Command::List { common } => list(&common).await,
        Command::Show { name, common } => show(&name, &common).await,
        Command::Prune {
            keep,
            dry_run,
            common,
        } => prune(keep, dry_run, &common).await,
    }
}

impl Common {
    async fn connect(&self, progress: Progress) -> Result<Run> {
        Run::connect(self.deployment.load()?, progress).await
    }
}

/// A template in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    name: &'a str,
    gateway: &'a str,
    schema: Option<&'a str>,
    image: &'a str,
    /// The region; none if it is global.
    region: Option<&'a str>,
    created: &'a str,
    /// Whether the VM was made from it.
    runs: bool,
}

impl<'a> Row<'a> {
    fn of(template: &'a InstanceTemplate, vm: Option<&Instance>) -> Self {
        let properties = template.properties.as_ref();
        let label = |key: &str| properties?.labels.get(key).map(String::as_str);
        let region = template.region.as_deref();
        Self {
            name: template.name.as_deref().unwrap_or_default(),
            gateway: label(GATEWAY).unwrap_or_default(),
            schema: label(SCHEMA),
            image: label(IMAGE).unwrap_or_default(),
            region: region.and_then(|url| url.rsplit('/').next()),
            created: template.creation_timestamp.as_deref().unwrap_or_default(),
            runs: vm.is_some_and(|vm| vm.labels.get(TEMPLATE) == template.name.as_ref()),
        }
    }

    fn line(&self) -> String {
        format!(
            "{:<40} {:<14} {:<44} {:<5} {}",
            self.name,
            self.gateway,
            self.image,
            if self.runs { "runs" } else { "" },
            self.created
        )
    }
}

async fn list(common: &Common) -> Result<()> {
    let run = common.connect(Progress::silent()).await?;
    let (templates, vm) = (fleet::templates(&run).await?, fleet::find(&run).await?);
    let rows = templates.iter().map(|it| Row::of(it, vm.as_ref()));
    if common.json {
        let rows: Vec<_> = rows.collect();
        outln!("{}", serde_json::to_string_pretty(&rows)?)?;
        return Ok(());
    }
    for row in rows {
        outln!("{}", row.line())?;
    }
    Ok(())
}

async fn show(name: &str, common: &Common) -> Result<()> {
    let run = common.connect(Progress::silent()).await?;
    let template = fleet::find_template(&run, name).await?;
    let template = template.with_context(|| {
        format!("there is no template {name}: `clawbake template list` names the deployment's")
    })?;
    if common.json {
        outln!("{}", serde_json::to_string_pretty(&template)?)?;
        return Ok(());
    }
    let vm = fleet::find(&run).await?;
    let row = Row::of(&template, vm.as_ref());
    let properties = template.properties.as_ref();
    let rows = [
        ("name", Some(row.name)),
        ("description", template.description.as_deref()),
        ("gateway", Some(row.gateway)),
        ("schema", row.schema),
        ("image", Some(row.image)),
        (
            "machine",
            properties.and_then(|it| it.machine_type.as_deref()),
        ),
        ("where", row.region.or(Some("global"))),
        ("the VM runs", Some(if row.runs { "it" } else { "another" })),
        ("created", Some(row.created)),
    ];
    for (key, value) in rows {
        outln!("{key:<14} {}", value.unwrap_or("-"))?;
    }
    Ok(())
}

async fn prune(keep: usize, dry_run: bool, common: &Common) -> Result<()> {
    let run = common.connect(terminal::progress()).await?;
    let surplus = fleet::surplus_templates(&run, keep).await?;
    let names: Vec<_> = surplus.iter().filter_map(|it| it.name.as_deref()).collect();
    if !dry_run {
        for template in &surplus {
            fleet::delete_template(&run, template).await?;
        }
    }
    if common.json {
        outln!("{}", serde_json::to_string_pretty(&names)?)?;
        return Ok(());
    }
    for name in names {
        outln!("{name}")?;
    }
    Ok(())
}
