//! `clawbake clean`: removes what dead runs left behind.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use super::ago::ago;
use super::output::{errln, outln};
use crate::journal::{Begun, Dead, Fate, Journals, Leftover, Resource};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What became of one resource of a run.
#[derive(serde::Serialize)]
struct Row {
    run: Begun,
    resource: Resource,
    #[serde(flatten)]
    fate: Fate,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let mut rows = Vec::new();
    let dead = dead()?;
    for leftover in dead.runs {
        let run = leftover.run.clone();
        if !args.json {
            errln!("{}", sentence(&leftover));
        }
        let resources: Vec<_> = leftover.resources().cloned().collect();
        // A run whose cloud does not answer must not block the cleanup of the others.
        let fates = settle(leftover, args.dry_run).await.unwrap_or_else(|why| {
            let why = format!("{why:#}");
            let failed = |resource| (resource, Fate::Failed { why: why.clone() });
            resources.into_iter().map(failed).collect()
        });
        rows.extend(fates.into_iter().map(|(resource, fate)| Row {
            run: run.clone(),
            resource,
            fate,
        }));
    }
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&rows)?)?;
    } else {
        for Row { resource, fate, .. } in &rows {
            outln!("{resource}: {fate}")?;
        }
    }
    for journal in &dead.unreadable {
        errln!("{journal}");
    }
    let failed = rows
        .iter()
        .filter(|row| matches!(row.fate, Fate::Failed { .. }));
    match failed.count() {
        0 => match dead.unreadable.len() {
            0 => Ok(()),
            1 => bail!("a journal cannot be read"),
            count => bail!("{count} journals cannot be read"),
        },
        _ if args.dry_run => bail!("not everything could be looked at"),
        count => bail!(
            "{count} of {} could not be removed; run it again",
            rows.len()
        ),
    }
}

/// What dead runs of this user have left.
pub(super) fn dead() -> Result<Dead> {
    Journals::of_this_user()?.dead()
}

async fn settle(leftover: Leftover, dry_run: bool) -> Result<Vec<(Resource, Fate)>> {
    let Some(client) = leftover.run.place.client().await? else {
        let absent = |resource: &Resource| (resource.clone(), Fate::Absent);
        let fates = leftover.resources().map(absent).collect();
        if !dry_run {
            leftover.discard()?;
        }
        return Ok(fates);
    };
    if dry_run {
        Ok(leftover.look(&client).await)
    } else {
        leftover.clean(&client).await
    }
}

/// Prints on stderr what dead runs may have left behind, one line each.
pub(super) fn remind() {
    // The verb itself reports a directory that cannot be read.
    let Ok(dead) = dead() else {
        return;
    };
    for leftover in &dead.runs {
        if leftover.resources().next().is_some() {
            errln!("{}; `clawbake clean` removes them", sentence(leftover));
        }
    }
    for journal in &dead.unreadable {
        errln!("{journal}");
    }
}

fn sentence(leftover: &Leftover) -> String {
    let Begun { verb, began, .. } = &leftover.run;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let age = now
        .unwrap_or_default()
        .saturating_sub(Duration::from_secs(*began));
    let resources = match leftover.resources().count() {
        1 => "1 resource".to_owned(),
        count => format!("{count} resources"),
    };
    format!(
        "a run of {verb} {} ended without cleaning up: {resources}",
        ago(age)
    )
}
