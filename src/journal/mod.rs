//! What this run is about to create: written down before the request is sent, so that a lost answer,
//! a crash or a power cut leaves nothing that nobody knows of.
//!
//! Everything that a run creates carries the run's id as a label. Clean-up deletes what is in the
//! journal *and* carries that label, so that it never takes what somebody else has made.

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
use file::JournalFile;
use leftover::{owned, remove_all, take};
use line::Line;

pub use begun::{Begun, Entry};
pub use file::Unreadable;
pub use leftover::{Dead, Fate, Leftover, dead, keep, leftovers};
pub use resource::{RUN_LABEL, Resource};

/// Digits of a run's id: with 48 random bits, a million runs share none.
const ID_DIGITS: usize = 12;

/// One run's journal. Dropped without [`Journal::settle`], it stays on disk for whoever cleans up.
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

    /// The run's id: 12 hexadecimal digits, fit for a label and for a name's end.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run.id
    }

    /// The label that everything this run creates must carry, in an object as metadata.
    #[must_use]
    pub fn label(&self) -> (String, String) {
        (RUN_LABEL.into(), self.run.id.clone())
    }

    /// Writes down what is about to be created; on disk when this returns.
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

    /// Records a resource, sends the request that creates it and waits until it is there.
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

    /// Takes down what came of the request that creates what was recorded last.
    ///
    /// If something of that name exists already, an earlier attempt of this run may have made it,
    /// whose answer was lost: then the run's label is on it, and all is well. Else it is somebody
    /// else's: it leaves the journal, and clean-up never touches it.
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

    /// Takes over a resource that exists, if a dead run left it: from here on it is this run's to
    /// keep or to remove.
    pub fn adopt(&mut self, resource: &Resource) -> Result<()> {
        let (dir, place) = (self.dir.clone(), self.run.place.clone());
        let answered = self.answered;
        take(&dir, &place, resource, |entry| self.write(entry.clone()))?;
        self.answered = answered;
        Ok(())
    }

    /// Ends the run. After success what it created stays; after a failure it is deleted, the last
    /// first, and the error tells what could not be.
    pub async fn settle<T>(self, client: &Client, result: Result<T>) -> Result<T> {
        if result.is_ok() {
            self.file.remove()?;
            return result;
        }
        self.undo(client, result).await
    }

    /// Ends a run whose creations were for the time being: they are deleted, the last first, however
    /// it went. What could not be deleted is an error, and does not hide the first one.
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
            // The first error is the one to tell; an empty journal does no harm.
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
