//! A journal on disk. It is append-only. The process that writes it holds a kernel lock on it, so that
//! others can tell a live run from a dead one.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::begun::Begun;
use super::line::{End, Format, Line, Text, Unread};

const SUFFIX: &str = ".journal";
/// Suffix of journals without checksums. The version that wrote them discards what it cannot read, so
/// newer journals need another suffix.
const PLAIN_SUFFIX: &str = ".jsonl";
/// Largest journal, in bytes. A run creates some ten resources, of some hundred bytes each.
const LIMIT: u64 = 1 << 20;

/// An open journal, locked until dropped.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
    end: End,
}

/// A dead run's journal that cannot be read. It is kept, and so is everything that it may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The journal.
    pub path: PathBuf,
    /// Which line, and why.
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the journal {} cannot be read: {}. It is kept, and what it names is not touched: clean with the \
             version that wrote it, or look at the names in it, delete what is left over of them, and then the file",
            self.path.display(),
            self.why
        )
    }
}

/// What dead runs have left in a directory.
pub(super) type Dead = (Vec<(JournalFile, Text)>, Vec<Unreadable>);

impl JournalFile {
    /// A new journal, locked and with its first line before anybody else can see it.
    pub fn begin(dir: &Path, run: &Begun) -> Result<Self> {
        let beginning = || format!("beginning a journal in {}", dir.display());
        fs::create_dir_all(dir).with_context(beginning)?;
        let new = tempfile::Builder::new().prefix(".new-").tempfile_in(dir);
        let new = new.with_context(beginning)?;
        new.as_file().lock().with_context(beginning)?;
        let (first, end) = End::new(Format::Summed).next(&Line::Begin(run.clone()))?;
        new.as_file()
            .write_all_at(&first, 0)
            .and_then(|()| new.as_file().sync_all())
            .with_context(beginning)?;
        let path = dir.join(format!("{}-{}{SUFFIX}", run.verb, run.id));
        let file = new.persist_noclobber(&path).with_context(beginning)?;
        // The names of the file and of a new directory must survive a power cut too.
        for dir in dir.ancestors().take(2) {
            File::open(dir)
                .and_then(|dir| dir.sync_all())
                .with_context(beginning)?;
        }
        Ok(Self { path, file, end })
    }

    /// The journals of runs that ended without settling them, and those that cannot be read.
    pub fn dead(dir: &Path) -> Result<Dead> {
        let mut dead = Dead::default();
        for (path, format) in list(dir)? {
            match Self::open(&path, format) {
                Ok(Some(found)) => dead.0.push(found),
                Ok(None) => {}
                Err(why) => dead.1.push(Unreadable { path, why }),
            }
        }
        Ok(dead)
    }

    /// The runs whose journals are there, whoever holds them; without those that cannot be read.
    pub fn begun(dir: &Path) -> Result<Vec<Begun>> {
        let run = |(path, format): (PathBuf, Format)| {
            let is_file = fs::symlink_metadata(&path).ok()?.is_file();
            let file = is_file.then(|| File::open(&path))?.ok()?;
            Some(read(&file, format).ok()?.run)
        };
        Ok(list(dir)?.into_iter().filter_map(run).collect())
    }

    /// A dead run's journal; `None` if the run is alive or has just been settled.
    fn open(path: &Path, format: Format) -> Result<Option<(Self, Text)>, String> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            found => {
                if !found.map_err(plainly)?.is_file() {
                    return Err("it is no file".into());
                }
            }
        }
        let file = match File::options().read(true).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(plainly)?,
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(plainly(error)),
            Ok(()) => {}
        }
        // Whoever held the lock before may have removed it.
        if file.metadata().map_err(plainly)?.nlink() == 0 {
            return Ok(None);
        }
        let text = read(&file, format)?;
        let (path, end) = (path.to_owned(), text.end);
        Ok(Some((Self { path, file, end }, text)))
    }

    /// Appends a line and syncs it to disk. Overwrites anything after the last whole line, which a failed
    /// append has left.
    pub fn append(&mut self, line: &Line) -> Result<()> {
        let (text, end) = self.end.next(line)?;
        let written = self
            .file
            .set_len(self.end.length)
            .and_then(|()| self.file.write_all_at(&text, self.end.length))
            .and_then(|()| self.file.sync_data());
        written.with_context(|| format!("writing the journal {}", self.path.display()))?;
        self.end = end;
        Ok(())
    }

    pub fn remove(&self) -> Result<()> {
        fs::remove_file(&self.path)
            .with_context(|| format!("removing the journal {}", self.path.display()))
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands where a closure would"
)]
fn plainly(error: std::io::Error) -> String {
    error.to_string()
}

/// The journals in a directory.
fn list(dir: &Path) -> Result<Vec<(PathBuf, Format)>> {
    let reading = || format!("reading the journals in {}", dir.display());
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(reading)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.with_context(reading)?.path();
        let name = path.as_os_str().as_encoded_bytes();
        if name.ends_with(SUFFIX.as_bytes()) {
            found.push((path, Format::Summed));
        } else if name.ends_with(PLAIN_SUFFIX.as_bytes()) {
            found.push((path, Format::Plain));
        }
    }
    Ok(found)
}

/// What a journal says.
fn read(file: &File, format: Format) -> Result<Text, String> {
    let mut bytes = Vec::new();
    let read = file.take(LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(plainly)?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!("it is larger than {} KiB", LIMIT >> 10));
    }
    Text::read(&bytes, format).map_err(|Unread { line, why }| format!("its line {line} {why}"))
}

/// Unlocks explicitly: a child that another thread is just forking holds the file open too, until it
/// calls exec.
impl Drop for JournalFile {
    fn drop(&mut self) {
        self.file.unlock().ok();
    }
}
