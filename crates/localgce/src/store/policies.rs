//! IAM policies of projects, service accounts and buckets. Secrets store their own.

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::{Value, json};

/// A resource's policy, which is empty until it is set.
pub fn get(connection: &Connection, resource: &str) -> Result<Value> {
    let policy = connection
        .query_row(
            "SELECT body FROM policy WHERE resource = ?",
            [resource],
            |row| row.get(0),
        )
        .optional()?;
    Ok(policy.unwrap_or_else(|| json!({})))
}

/// Sets a resource's policy.
pub fn set(connection: &Connection, resource: &str, policy: &Value) -> Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO policy (resource, body) VALUES (?, ?)",
        params![resource, policy.to_string()],
    )?;
    Ok(())
}

/// Removes the policy of a deleted resource.
pub fn remove(connection: &Connection, resource: &str) -> Result<()> {
    connection.execute("DELETE FROM policy WHERE resource = ?", [resource])?;
    Ok(())
}
