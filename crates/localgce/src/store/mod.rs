//! Everything the engine remembers, in one SQLite file. The functions take a connection, so that
//! several of them make one transaction.

pub mod accounts;
pub mod counters;
pub mod files;
pub mod group_members;
pub mod guest_attributes;
pub mod long_operations;
pub mod objects;
pub mod operations;
pub mod policies;
pub mod projects;
pub mod resources;
pub mod roles;
mod schema;
pub mod secrets;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, TransactionBehavior};

use crate::room::{Reserve, sync_dir};
use schema::Condition;

const FILE: &str = "localgce.db";

/// Free pages in the database, and a journal that begins anew and is as long: what is written to them needs
/// no more room on the device, so that something can be deleted on a full one.
const SPACE: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE space (page BLOB);
    INSERT INTO space VALUES (zeroblob(1 << 20));
    DROP TABLE space;
    COMMIT;
    PRAGMA wal_checkpoint(RESTART);
";

/// The open database.
pub struct Store {
    connection: Mutex<Connection>,
    reserve: Reserve,
}

impl Store {
    /// Opens the database in the engine's directory. Makes it where there is nothing to lose.
    ///
    /// # Errors
    /// When it is damaged, a newer engine's, or gone while the files are there that it knew: then
    /// everything stays as it is.
    pub fn open(dir: &Path) -> Result<Self> {
        let reserve = Reserve::of(dir);
        reserve.keep();
        let path = dir.join(FILE);
        let connection = open(dir, &path).with_context(|| format!("opening {}", path.display()))?;
        Ok(Self {
            connection: Mutex::new(connection),
            reserve,
        })
    }

    /// Runs `work` in a transaction, which happens wholly or, by an error, not at all.
    pub fn transaction<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.reserve.keep();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

fn open(dir: &Path, path: &Path) -> Result<Connection> {
    let gone = path.metadata().map_or(true, |file| file.len() == 0);
    if gone {
        refuse_to_replace(dir)?;
    }
    let mut connection = Connection::open(path)?;
    match schema::inspect(&connection)? {
        Condition::Used => {}
        Condition::Empty => refuse_to_replace(dir)?,
        Condition::Newer(version) => {
            bail!("it is a newer engine's (version {version}): use that engine; nothing is changed")
        }
        Condition::Damaged(why) => bail!(
            "it is damaged ({}), and left as it is: restore it from a backup, or give up all that the \
             engine holds by `clawbake engine reset`",
            why.trim().replace('\n', ", ")
        ),
    }
    // A commit is on the disk before it returns.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA busy_timeout = 5000;",
    )?;
    schema::migrate(&mut connection)?;
    if let Err(error) = connection.execute_batch(SPACE) {
        crate::log::line(format_args!(
            "no space is kept back for the database: {error}"
        ));
    }
    sync_dir(dir)?;
    Ok(connection)
}

/// Refuses an empty database where files are that an earlier one knew.
fn refuse_to_replace(dir: &Path) -> Result<()> {
    let mut found = Vec::new();
    for name in files::DIRS {
        let files = std::fs::read_dir(dir.join(name)).map_or(0, Iterator::count);
        if files > 0 {
            found.push(format!("{files} in {name}"));
        }
    }
    let journal = dir.join(format!("{FILE}-wal"));
    if journal.metadata().is_ok_and(|file| file.len() > 0) {
        found.push("the database's own journal".into());
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "it is empty or gone, and files are there that it knew: {}. None of them is touched. Restore \
         the database from a backup, or give them up by `clawbake engine reset`",
        found.join(", ")
    )
}

/// Seconds since 1970, of a time in RFC3339, which is one of SQLite's own formats.
pub fn unix_seconds(connection: &Connection, time: &str) -> rusqlite::Result<Option<u64>> {
    connection.query_row("SELECT unixepoch(?)", [time], |row| row.get(0))
}

/// An id as Google gives them: a number of up to 19 digits.
pub fn new_id() -> u64 {
    // The low half of a version 4 UUID, less its sign bit: SQLite's integers have one.
    uuid::Uuid::new_v4().as_u64_pair().1 & (u64::MAX >> 1)
}
