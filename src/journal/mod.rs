//! What this run is about to create, recorded before the request is sent. So a lost answer, a crash or a
//! power cut leaves nothing that nobody knows of.
//!
//! Everything that a run creates carries the run's id as a label. Clean-up deletes only what is in the
//! journal *and* has that label, never what somebody else has created.

mod begun;
mod file;
mod leftover;
mod line;
mod resource;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use gce::{Client, Kind, Pending};

use crate::cloud::Place;
use crate::paths;
use file::JournalFile;
use leftover::{owned, remove_all, take};
use line::Line;

pub use begun::{Begun, Entry};
pub use file::Unreadable;
pub use leftover::{Dead, Fate, Leftover, leftovers};
pub use resource::{RUN_LABEL, Resource};

/// Digits of a run's id. With 48 random bits, a million runs have different ids.
const ID_DIGITS: usize = 12;

/// The journals of all runs.
#[derive(Debug)]
pub struct Journals {
    dir: PathBuf,
}

impl Journals {
    /// Those of this user.
    pub fn of_this_user() -> Result<Self> {
        let dir = paths::journal()?;
        Ok(Self { dir })
    }

    /// Begins the journal of a run of `verb`.
    pub fn begin(&self, verb: &str, place: &Place) -> Result<Journal> {
        Journal::begin(&self.dir, verb, place)
    }

    /// What dead runs have left.
    pub fn dead(&self) -> Result<Dead> {
        leftover::dead(&self.dir)
    }

    /// What this process has left: those of the dead runs that are `mine`.
    pub async fn own(&self, mine: impl Fn(&Begun) -> bool) -> Result<Vec<Leftover>> {
        leftover::own(&self.dir, mine).await
    }

    /// Keeps resources that are in use from now on. If the run that created them died before its end,
    /// `clawbake clean` would take them for leftovers.
    pub fn keep(&self, place: &Place, resources: &[Resource]) -> Result<()> {
        leftover::keep(&self.dir, place, resources)
    }
}

/// A run's journal. Dropped without [`Journal::settle`], it stays on disk for a later clean-up.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    run: Begun,
    file: JournalFile,
    entries: Vec<Entry>,
    answered: bool,
}

impl Journal {
    /// Begins the journal of a run in `dir`.
    pub fn begin(dir: &Path, verb: &str, place: &Place) -> Result<Self> {
        let mut id = uuid::Uuid::new_v4().simple().to_string();
        id.truncate(ID_DIGITS);
        let run = Begun {
            id,
            verb: verb.into(),
            began: now(),
            pid: std::process::id(),
            place: place.clone(),
        };
        Ok(Self {
            dir: dir.into(),
            file: JournalFile::begin(dir, &run)?,
            run,
            entries: Vec::new(),
            answered: true,
        })
    }

    /// The run's id: 12 hexadecimal digits, usable in labels and as the end of a name.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run.id
    }

    /// The label of everything that this run creates; objects have it as metadata.
    #[must_use]
    pub fn label(&self) -> (String, String) {
        (RUN_LABEL.into(), self.run.id.clone())
    }

    /// Records what is about to be created, and syncs it to disk.
    pub fn record(&mut self, resource: Resource) -> Result<()> {
        self.write(Entry {
            run: self.run.id.clone(),
            resource,
        })
    }

    fn write(&mut self, entry: Entry) -> Result<()> {
        self.file.append(&Line::Create(entry.clone()))?;
        self.entries.push(entry);
        self.answered = false;
        Ok(())
    }

    /// Records a resource, sends the request that creates it, and waits until it exists.
    pub async fn create(
        &mut self,
        client: &Client,
        resource: Resource,
        request: impl Future<Output = gce::Result<Pending>>,
    ) -> Result<()> {
        self.record(resource)?;
        let made = resource::done(request.await).await;
        self.answered(client, made).await
    }

    /// Records the result of the request for the last recorded resource.
    ///
    /// If something of that name exists already, an earlier attempt whose answer was lost may have
    /// created it. Then it has the run's label, and all is well. Otherwise it is somebody else's: it is
    /// removed from the journal, and clean-up never touches it.
    pub async fn answered(&mut self, client: &Client, made: gce::Result<()>) -> Result<()> {
        if let Err(error) = &made
            && error.kind == Kind::AlreadyExists
            && let Some(entry) = self.entries.last().cloned()
        {
            entry.resource.quiet(client).await?;
            if owned(client, &entry).await? != Fate::Found {
                self.file.append(&Line::Forget(entry))?;
                self.entries.pop();
                return Ok(made?);
            }
        } else {
            made?;
        }
        self.file.append(&Line::Answered)?;
        self.answered = true;
        Ok(())
    }

    /// Takes over an existing resource that a dead run has left. From now on this run keeps or removes
    /// it.
    pub fn adopt(&mut self, resource: &Resource) -> Result<()> {
        let (dir, place) = (self.dir.clone(), self.run.place.clone());
        let answered = self.answered;
        take(&dir, &place, resource, |entry| self.write(entry.clone()))?;
        self.answered = answered;
        Ok(())
    }

    /// Ends the run. After success, what it created stays. After a failure, it is deleted, last first,
    /// and the error names what could not be deleted.
    pub async fn settle<T>(self, client: &Client, result: Result<T>) -> Result<T> {
        if result.is_ok() {
            self.file.remove()?;
            return result;
        }
        self.undo(client, result).await
    }

    /// Ends a run whose resources were temporary: they are deleted, last first, whatever the result.
    /// What could not be deleted is an error, which does not hide the first one.
    pub async fn undo<T>(self, client: &Client, result: Result<T>) -> Result<T> {
        let left: Vec<_> = remove_all(client, &self.entries, self.answered)
            .await
            .into_iter()
            .filter_map(|(resource, fate)| match fate {
                Fate::Failed { why } => Some(format!("{resource} ({why})")),
                _ => None,
            })
            .collect();
        if left.is_empty() {
            // The first error matters more; an empty journal does no harm.
            let _ = self.file.remove();
            return result;
        }
        let left = format!(
            "not cleaned up: {}; `clawbake clean` tries again",
            left.join("; ")
        );
        match result {
            Ok(_) => Err(anyhow!(left)),
            Err(error) => Err(error.context(left)),
        }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests;
