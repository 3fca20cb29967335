//! What dead runs have left, and how it is removed.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use gce::Client;
use serde::Serialize;

use super::begun::{Begun, Entry};
use super::file::{JournalFile, Unreadable};
use super::line::{Line, Text};
use super::resource::{RUN_LABEL, Resource};
use crate::cloud::Place;

/// A request whose connection broke may take effect a moment later: look again after this time.
const MOMENT: Duration = Duration::from_secs(1);
/// How long somebody holds a journal who looks at it. Whoever holds it longer removes what it names.
const LOOK: Duration = Duration::from_secs(10);

/// What became of a resource at clean-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "camelCase")]
pub enum Fate {
    /// It has been deleted.
    Removed,
    /// It was not there.
    Absent,
    /// There is one of that name that this run has not created: it was not touched.
    Foreign,
    /// A VM that somebody else has made uses the disk: it was not touched.
    InUse,
    /// It is this run's and still there: this was only a look.
    Found,
    /// It could not be read or deleted.
    Failed {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => f.write_str("removed"),
            Self::Absent => f.write_str("not there"),
            Self::Foreign => write!(f, "not touched: its {RUN_LABEL} is not this run's"),
            Self::InUse => f.write_str("not touched: a VM uses it"),
            Self::Found => f.write_str("left over"),
            Self::Failed { why } => write!(f, "not removed: {why}"),
        }
    }
}

/// A dead run's journal. While this value lives, nobody else cleans up after the same run.
#[derive(Debug)]
pub struct Leftover {
    /// The run.
    pub run: Begun,
    pub(super) file: JournalFile,
    entries: Vec<Entry>,
    answered: bool,
}

/// The journals of runs that ended without settling them.
#[derive(Debug)]
pub struct Dead {
    /// The oldest first.
    pub runs: Vec<Leftover>,
    /// Nobody knows what these runs have left.
    pub unreadable: Vec<Unreadable>,
}

/// The journals of dead runs in `dir`.
pub(super) fn dead(dir: &Path) -> Result<Dead> {
    let (found, mut unreadable) = JournalFile::dead(dir)?;
    let leftover = |(file, text): (JournalFile, Text)| Leftover {
        run: text.run,
        file,
        entries: text.entries,
        answered: text.answered,
    };
    let mut runs: Vec<_> = found.into_iter().map(leftover).collect();
    runs.sort_by_key(|leftover| leftover.run.began);
    unreadable.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Dead { runs, unreadable })
}

/// The dead runs whose journals can be read, the oldest first.
pub fn leftovers(dir: &Path) -> Result<Vec<Leftover>> {
    Ok(dead(dir)?.runs)
}

/// Those of the dead runs that are `mine`. Whoever looks through the journals, as each verb does, holds them
/// for a moment: what is mine does not live because of that.
pub async fn own(dir: &Path, mine: impl Fn(&Begun) -> bool) -> Result<Vec<Leftover>> {
    let began = Instant::now();
    loop {
        let mut found = leftovers(dir)?;
        found.retain(|leftover| mine(&leftover.run));
        let all = JournalFile::begun(dir)?.into_iter().filter(&mine).count();
        if found.len() >= all || began.elapsed() > LOOK {
            return Ok(found);
        }
        drop(found);
        tokio::time::sleep(LOOK / 100).await;
    }
}

/// Removes resources that are in use from the journals of dead runs, so that no clean-up takes them.
pub(super) fn keep(dir: &Path, place: &Place, resources: &[Resource]) -> Result<()> {
    for resource in resources {
        take(dir, place, resource, |_| Ok(()))?;
    }
    Ok(())
}

/// Takes a resource out of the dead run's journal that names it, once `first` has recorded it.
pub(super) fn take(
    dir: &Path,
    place: &Place,
    resource: &Resource,
    mut first: impl FnMut(&Entry) -> Result<()>,
) -> Result<()> {
    for mut leftover in leftovers(dir)? {
        if !leftover.run.place.is(place) {
            continue;
        }
        let entries = leftover.entries.clone();
        for entry in entries.iter().filter(|entry| entry.resource == *resource) {
            first(entry)?;
            leftover.file.append(&Line::Forget(entry.clone()))?;
            leftover.entries.retain(|other| other != entry);
        }
        if leftover.entries.is_empty() {
            leftover.file.remove()?;
        }
    }
    Ok(())
}

impl Leftover {
    /// What it may have created, last first.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.entries.iter().rev().map(|entry| &entry.resource)
    }

    /// Looks at each resource, last first, and changes nothing.
    pub async fn look(&self, client: &Client) -> Vec<(Resource, Fate)> {
        let mut looked = Vec::new();
        for entry in self.entries.iter().rev() {
            let found = owned(client, entry).await;
            looked.push((entry.resource.clone(), found.unwrap_or_else(failed)));
        }
        looked
    }

    /// Removes what the run had created, last first. The journal stays if anything failed.
    pub async fn clean(self, client: &Client) -> Result<Vec<(Resource, Fate)>> {
        let fates = remove_all(client, &self.entries, self.answered).await;
        if !fates
            .iter()
            .any(|(_, fate)| matches!(fate, Fate::Failed { .. }))
        {
            self.file.remove()?;
        }
        Ok(fates)
    }

    /// Removes the journal of a run whose place is gone, and its resources with it.
    pub fn discard(self) -> Result<()> {
        self.file.remove()
    }
}

/// Removes entries, last first.
pub(super) async fn remove_all(
    client: &Client,
    entries: &[Entry],
    answered: bool,
) -> Vec<(Resource, Fate)> {
    let mut fates = Vec::new();
    for entry in entries.iter().rev() {
        let mut fate = remove(client, entry).await;
        if matches!(fate, Ok(Fate::Absent)) && !answered {
            tokio::time::sleep(MOMENT).await;
            fate = remove(client, entry).await;
        }
        fates.push((entry.resource.clone(), fate.unwrap_or_else(failed)));
    }
    fates
}

async fn remove(client: &Client, entry: &Entry) -> gce::Result<Fate> {
    entry.resource.quiet(client).await?;
    let fate = owned(client, entry).await?;
    if fate != Fate::Found {
        return Ok(fate);
    }
    match entry.resource.delete(client).await {
        Ok(true) => Ok(Fate::Removed),
        Ok(false) => Ok(Fate::Absent),
        // Its VM would have gone first if it were this run's.
        Err(_) if entry.resource.is_attached(client).await? => Ok(Fate::InUse),
        Err(error) => Err(error),
    }
}

/// Whether it is there, and this run's.
pub(super) async fn owned(client: &Client, entry: &Entry) -> gce::Result<Fate> {
    Ok(match entry.resource.labels(client).await? {
        None => Fate::Absent,
        Some(labels) if labels.get(RUN_LABEL) == Some(&entry.run) => Fate::Found,
        Some(_) => Fate::Foreign,
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands where a closure would"
)]
fn failed(error: gce::Error) -> Fate {
    Fate::Failed {
        why: error.to_string(),
    }
}
