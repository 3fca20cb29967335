//! Service accounts.

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::Value;

/// Adds an account to a project.
pub fn insert(connection: &Connection, project: &str, email: &str, body: &Value) -> Result<()> {
    connection.execute(
        "INSERT INTO service_account (email, project, body) VALUES (?, ?, ?)",
        params![email, project, body.to_string()],
    )?;
    Ok(())
}

/// An account by its email or its unique id.
pub fn get(connection: &Connection, email_or_id: &str) -> Result<Option<Value>> {
    connection
        .query_row(
            "SELECT body FROM service_account WHERE email = ?1 OR body ->> 'uniqueId' = ?1",
            [email_or_id],
            |row| row.get(0),
        )
        .optional()
}

/// The accounts of a project, by email.
pub fn list(connection: &Connection, project: &str) -> Result<Vec<Value>> {
    connection
        .prepare("SELECT body FROM service_account WHERE project = ? ORDER BY email")?
        .query_map([project], |row| row.get(0))?
        .collect()
}

/// Replaces an account's body.
pub fn update(connection: &Connection, email: &str, body: &Value) -> Result<()> {
    connection.execute(
        "UPDATE service_account SET body = ? WHERE email = ?",
        params![body.to_string(), email],
    )?;
    Ok(())
}

/// Removes an account.
pub fn remove(connection: &Connection, email: &str) -> Result<()> {
    connection.execute("DELETE FROM service_account WHERE email = ?", [email])?;
    Ok(())
}
