//! Compute Engine's resources.

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::Value;

use super::counters::{self, Counter};
use super::files;
use crate::clock;
use crate::key::{Key, Kind, Scope, parent};

/// Adds a resource. Its creation time is later than every other's, even if the clock was set back.
pub fn insert(connection: &Connection, key: &Key, body: &Value) -> Result<()> {
    let mut body = body.clone();
    if key.kind != Kind::Operation {
        let created = counters::next(connection, Counter::Creation, clock::unix_millis())?;
        body["creationTimestamp"] = clock::rfc3339(created).into();
    }
    connection.execute(
        "INSERT INTO resource (path, parent, name, body) VALUES (?, ?, ?, ?)",
        params![
            key.path(),
            parent(&key.project, &key.scope, key.kind),
            key.name,
            body.to_string()
        ],
    )?;
    Ok(())
}

/// A resource's body.
pub fn get(connection: &Connection, key: &Key) -> Result<Option<Value>> {
    connection
        .query_row(
            "SELECT body FROM resource WHERE path = ?",
            [key.path()],
            |row| row.get(0),
        )
        .optional()
}

/// Changes a resource's body. Does nothing if the resource does not exist.
pub fn update(connection: &Connection, key: &Key, change: impl FnOnce(&mut Value)) -> Result<()> {
    if let Some(mut body) = get(connection, key)? {
        change(&mut body);
        connection.execute(
            "UPDATE resource SET body = ? WHERE path = ?",
            params![body.to_string(), key.path()],
        )?;
    }
    Ok(())
}

/// Removes a resource and dooms its file.
pub fn remove(connection: &Connection, key: &Key) -> Result<()> {
    let body = get(connection, key)?;
    let id = body.as_ref().and_then(|body| body["id"].as_str());
    if let Some(file) = id.and_then(|id| files::of(key.kind, id)) {
        files::doom(connection, &file)?;
    }
    connection.execute("DELETE FROM resource WHERE path = ?", [key.path()])?;
    Ok(())
}

/// The resources of a collection, by name.
pub fn list(
    connection: &Connection,
    project: &str,
    scope: &Scope,
    kind: Kind,
) -> Result<Vec<Value>> {
    bodies(connection, &parent(project, scope, kind), "name")
}

/// The resources of a collection, newest first.
pub fn newest_first(
    connection: &Connection,
    project: &str,
    scope: &Scope,
    kind: Kind,
) -> Result<Vec<Value>> {
    bodies(connection, &parent(project, scope, kind), "rowid DESC")
}

fn bodies(connection: &Connection, parent: &str, order: &str) -> Result<Vec<Value>> {
    connection
        .prepare(&format!(
            "SELECT body FROM resource WHERE parent = ? ORDER BY {order}"
        ))?
        .query_map([parent], |row| row.get(0))?
        .collect()
}

/// All resources of a kind, in all projects.
pub fn all(connection: &Connection, kind: Kind) -> Result<Vec<(Key, Value)>> {
    let mut statement = connection.prepare(
        "SELECT path, body FROM resource WHERE parent LIKE '%/' || ? ORDER BY parent, name",
    )?;
    let rows = statement.query_map([kind.collection()], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?))
    })?;
    rows.filter_map(|row| {
        row.map(|(path, body)| Some((Key::parse(kind, &path)?, body)))
            .transpose()
    })
    .collect()
}
