//! The engine's database, one SQLite file. The functions take a connection, so that a transaction can
//! combine several of them.

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

/// Free pages in the database, and a journal of the same size that is reused. Writing to them takes no more
/// space, so that deleting works on a full device.
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
    /// Opens the database in the engine's directory, or creates it if that loses nothing.
    ///
    /// # Errors
    /// When it is damaged, from a newer engine, or missing although its files are there. Then nothing is
    /// changed.
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

    /// Runs `work` in a transaction, which is rolled back on an error.
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

/// Refuses an empty database beside files of an earlier one.
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

/// Converts a time in RFC 3339, one of SQLite's own formats, to seconds since 1970.
pub fn unix_seconds(connection: &Connection, time: &str) -> rusqlite::Result<Option<u64>> {
    connection.query_row("SELECT unixepoch(?)", [time], |row| row.get(0))
}

/// A new id like Google's: a number of up to 19 digits.
pub fn new_id() -> u64 {
    // The low half of a version 4 UUID without the top bit: SQLite's integers are signed.
    uuid::Uuid::new_v4().as_u64_pair().1 & (u64::MAX >> 1)
}
