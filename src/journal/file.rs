//! A journal on disk: one JSON line for everything that happens, the first for the run itself. It is
//! only ever appended to, and the process that writes it holds a lock on it, so that another one can
//! tell a run that goes on from a dead one.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Resource;
use crate::cloud::Place;

const SUFFIX: &str = ".jsonl";

/// A run of a verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id, unique: the value of its label, and fit to be part of a name.
    pub id: String,
    /// The verb.
    pub verb: String,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// Its process.
    pub pid: u32,
    /// Where its resources are.
    pub place: Place,
}

/// A resource and the run whose label it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The run's id.
    pub run: String,
    /// The resource.
    #[serde(flatten)]
    pub resource: Resource,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    Begin(Run),
    /// The request that creates it is about to be sent.
    Create(Entry),
    /// Every request so far has been answered.
    Answered,
    /// It is not this run's, or no longer.
    Forget(Entry),
}

/// What a journal says.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub run: Option<Run>,
    pub entries: Vec<Entry>,
    /// Whether the last request had an answer.
    pub answered: bool,
}

impl Text {
    /// Reads up to the first line that is not whole: the request after it was not sent.
    fn read(text: &str) -> Self {
        let mut read = Self::default();
        let lines = text
            .lines()
            .map_while(|line| serde_json::from_str(line).ok());
        for line in lines {
            match line {
                Line::Begin(run) => read.run = Some(run),
                Line::Create(entry) => {
                    read.entries.push(entry);
                    read.answered = false;
                }
                Line::Answered => read.answered = true,
                Line::Forget(entry) => read.entries.retain(|other| *other != entry),
            }
        }
        read
    }
}

/// An open journal, locked until dropped.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
}

impl JournalFile {
    /// A new one, which has its lock and first line before anybody else can see it.
    pub fn begin(dir: &Path, run: &Run) -> Result<Self> {
        let beginning = || format!("beginning a journal in {}", dir.display());
        fs::create_dir_all(dir).with_context(beginning)?;
        let new = tempfile::Builder::new().prefix(".new-").tempfile_in(dir);
        let new = new.with_context(beginning)?;
        new.as_file().lock().with_context(beginning)?;
        let path = dir.join(format!("{}-{}{SUFFIX}", run.verb, run.id));
        let file = new.persist_noclobber(&path).with_context(beginning)?;
        let mut journal = Self { path, file };
        journal.append(&Line::Begin(run.clone()))?;
        Ok(journal)
    }

    /// The journals of runs that have ended without settling them.
    pub fn dead(dir: &Path) -> Result<Vec<(Self, Text)>> {
        let reading = || format!("reading the journals in {}", dir.display());
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(reading)?,
        };
        let mut dead = Vec::new();
        for entry in entries {
            let path = entry.with_context(reading)?.path();
            if !path.to_string_lossy().ends_with(SUFFIX) {
                continue;
            }
            let Ok(mut file) = File::options().read(true).append(true).open(&path) else {
                continue; // settled meanwhile
            };
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => continue,
                locked => locked.with_context(reading)?,
            }
            // Whoever held the lock before may have removed it.
            if file.metadata().with_context(reading)?.nlink() == 0 {
                continue;
            }
            let mut text = String::new();
            file.read_to_string(&mut text).with_context(reading)?;
            dead.push((Self { path, file }, Text::read(&text)));
        }
        Ok(dead)
    }

    /// Appends a line; on disk when this returns.
    pub fn append(&mut self, line: &Line) -> Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        let written = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data());
        written.with_context(|| format!("writing the journal {}", self.path.display()))
    }

    pub fn remove(&self) -> Result<()> {
        fs::remove_file(&self.path)
            .with_context(|| format!("removing the journal {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_ends_the_text_and_nothing_before_it_is_lost() {
        let entry = |name: &str| Entry {
            run: "r".into(),
            resource: Resource::Image { name: name.into() },
        };
        let line = |line| serde_json::to_string(&line).unwrap() + "\n";
        let mut text = line(Line::Create(entry("a"))) + &line(Line::Answered);
        let read = Text::read(&text);
        assert_eq!((read.entries, read.answered), (vec![entry("a")], true));
        text += &line(Line::Create(entry("b")));
        text += &line(Line::Forget(entry("a")));
        text += &line(Line::Create(entry("c")))[..20];
        let read = Text::read(&text);
        assert_eq!((read.entries, read.answered), (vec![entry("b")], false));
    }
}
