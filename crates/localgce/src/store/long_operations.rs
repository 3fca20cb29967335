//! Operations of Service Usage and Resource Manager, by `operations/O`, as they end.

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::Value;

/// Adds an operation.
pub fn insert(connection: &Connection, name: &str, body: &Value) -> Result<()> {
    connection.execute(
        "INSERT INTO long_operation (name, body) VALUES (?, ?)",
        params![name, body.to_string()],
    )?;
    Ok(())
}

/// An operation.
pub fn get(connection: &Connection, name: &str) -> Result<Option<Value>> {
    connection
        .query_row(
            "SELECT body FROM long_operation WHERE name = ?",
            [name],
            |row| row.get(0),
        )
        .optional()
}
