//! Custom roles of projects, by `projects/P/roles/R`.

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::Value;

/// Adds or replaces a role.
pub fn put(connection: &Connection, name: &str, body: &Value) -> Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO role (name, body) VALUES (?, ?)",
        params![name, body.to_string()],
    )?;
    Ok(())
}

/// A role, even if it is deleted.
pub fn get(connection: &Connection, name: &str) -> Result<Option<Value>> {
    connection
        .query_row("SELECT body FROM role WHERE name = ?", [name], |row| {
            row.get(0)
        })
        .optional()
}

/// The roles of a project, including deleted ones, by name.
pub fn list(connection: &Connection, project: &str) -> Result<Vec<Value>> {
    connection
        .prepare("SELECT body FROM role WHERE name LIKE ? ORDER BY name")?
        .query_map([format!("projects/{project}/roles/%")], |row| row.get(0))?
        .collect()
}
