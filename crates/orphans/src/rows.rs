//! What an engine's database says.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;

/// The rows that own something or are owned by something.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Compute Engine's, by their path.
    pub resources: BTreeMap<String, Value>,
    /// Operations that requests with an id have started, by their name.
    pub requests: Vec<String>,
    /// Ids of instances that have guest attributes.
    pub attributes: Vec<String>,
    /// Groups and instances, by their paths.
    pub members: Vec<(String, String)>,
    pub buckets: Vec<String>,
    /// The file below `objects/`, and the body.
    pub objects: Vec<(String, Value)>,
    /// Id, bucket, and the file below `objects/` unless that is an object's by now.
    pub uploads: Vec<(String, String, Option<String>)>,
    /// Files that are being made or are to be removed, and which of it.
    pub files: Vec<(String, String)>,
    pub accounts: Vec<String>,
    /// What has a policy, by name.
    pub policies: Vec<String>,
}

impl Rows {
    /// The resources of a collection.
    pub fn of<'a>(&'a self, collection: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let own = move |path: &str| path.rsplit('/').nth(1) == Some(collection);
        let all = self.resources.iter();
        all.filter(move |(path, _)| own(path))
            .map(|(path, body)| (path.as_str(), body))
    }

    /// Whether a collection has a resource with this id.
    pub fn has_id(&self, collection: &str, id: &str) -> bool {
        self.of(collection).any(|(_, body)| body["id"] == id)
    }
}

/// Reads a database, also one that an engine writes to.
pub(crate) fn read(path: &Path) -> Result<Rows> {
    let read = || -> Result<_> {
        let database = open(path)?;
        Ok(Rows {
            resources: all(&database, "path, body FROM resource", |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .into_iter()
            .collect(),
            requests: all(&database, "operation FROM request", |row| row.get(0))?,
            attributes: all(&database, "DISTINCT instance FROM guest_attribute", |row| {
                row.get(0)
            })?,
            members: all(
                &database,
                "instance_group, instance FROM group_member",
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?,
            buckets: all(&database, "name FROM bucket", |row| row.get(0))?,
            objects: all(&database, "file, body FROM object", |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?,
            uploads: all(
                &database,
                "id, bucket, iif(object IS NULL, file, NULL) FROM upload",
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?,
            files: all(&database, "path, state FROM file", |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?,
            accounts: all(&database, "body ->> 'name' FROM service_account", |row| {
                row.get(0)
            })?,
            policies: all(&database, "resource FROM policy", |row| row.get(0))?,
        })
    };
    read().with_context(|| format!("reading {}", path.display()))
}

/// How many rows an engine's database has.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// Rows of finished work that expire: operations, requests, uploads.
    pub kept: usize,
    /// All others.
    pub others: usize,
}

/// Counts the rows of all tables, including unknown ones.
pub(crate) fn count(path: &Path) -> Result<Count> {
    let count = || -> Result<_> {
        let database = open(path)?;
        let number = |from: &str| -> rusqlite::Result<usize> {
            database.query_row(&format!("SELECT count(*) FROM {from}"), [], |row| {
                row.get(0)
            })
        };
        let kept = number("resource WHERE parent LIKE '%/operations'")?
            + number("request")?
            + number("upload WHERE object IS NOT NULL")?;
        let tables = all(
            &database,
            "name FROM sqlite_schema WHERE type = 'table'",
            |row| row.get::<_, String>(0),
        )?;
        let mut rows = 0;
        for table in tables {
            rows += number(&table)?;
        }
        Ok(Count {
            kept,
            others: rows - kept,
        })
    };
    count().with_context(|| format!("counting the rows of {}", path.display()))
}

/// Opens a database for one transaction, so that its tables are of one moment.
fn open(path: &Path) -> Result<Connection> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    database.execute_batch("BEGIN")?;
    Ok(database)
}

fn all<T>(
    database: &Connection,
    what: &str,
    of: impl FnMut(&Row) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    database
        .prepare(&format!("SELECT {what}"))?
        .query_map([], of)?
        .collect()
}
