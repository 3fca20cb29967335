//! Compute Engine's resources.

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::Value;

use crate::key::{Key, Kind, parent};

/// Adds a resource.
pub fn insert(connection: &Connection, key: &Key, body: &Value) -> Result<()> {
    connection.execute(
        "INSERT INTO resource (path, parent, name, body) VALUES (?, ?, ?, ?)",
        params![
            key.path(),
            parent(&key.project, key.zone.as_deref(), key.kind),
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

/// Changes a resource's body; does nothing when there is no such resource.
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

/// Removes a resource.
pub fn remove(connection: &Connection, key: &Key) -> Result<()> {
    connection.execute("DELETE FROM resource WHERE path = ?", [key.path()])?;
    Ok(())
}

/// The bodies of a collection, by name.
pub fn list(
    connection: &Connection,
    project: &str,
    zone: Option<&str>,
    kind: Kind,
) -> Result<Vec<Value>> {
    connection
        .prepare("SELECT body FROM resource WHERE parent = ? ORDER BY name")?
        .query_map([parent(project, zone, kind)], |row| row.get(0))?
        .collect()
}

/// All resources of a kind, in every project and zone.
pub fn all(connection: &Connection, kind: Kind) -> Result<Vec<(Key, Value)>> {
    let nowhere = Key {
        project: String::new(),
        zone: None,
        kind,
        name: String::new(),
    };
    let found: Result<Vec<(String, Value)>> = connection
        .prepare("SELECT path, body FROM resource WHERE parent LIKE ? ORDER BY parent, name")?
        .query_map([format!("projects/%/{}", kind.collection())], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect();
    Ok(found?
        .into_iter()
        .filter_map(|(path, body)| Some((nowhere.resolve(kind, &path)?, body)))
        .collect())
}
