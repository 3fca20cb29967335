//! Everything the engine remembers, in one SQLite file. The functions take a connection, so that
//! several of them make one transaction.

pub mod accounts;
pub mod group_members;
pub mod guest_attributes;
pub mod long_operations;
pub mod objects;
pub mod operations;
pub mod policies;
pub mod projects;
pub mod resources;
pub mod roles;
pub mod secrets;

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use rusqlite::{Connection, TransactionBehavior};

/// The open database.
pub struct Store(Mutex<Connection>);

impl Store {
    /// Opens the database, or makes it. Only its owner may read it: it holds secrets.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let open = || -> anyhow::Result<_> {
            OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(path)?;
            std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
            let connection = Connection::open(path)?;
            connection.execute_batch(include_str!("schema.sql"))?;
            Ok(connection)
        };
        let connection = open().with_context(|| format!("opening {}", path.display()))?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Runs `work` in a transaction, which happens wholly or, by an error, not at all.
    pub fn transaction<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
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
