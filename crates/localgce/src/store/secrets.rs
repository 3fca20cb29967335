//! Secrets, their versions and who may read them. A secret's name is `projects/N/secrets/S`.

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::{Value, json};

/// A secret.
pub struct Secret {
    /// What the API answers.
    pub body: Value,
    /// Its IAM policy.
    pub policy: Value,
}

/// A version of a secret.
pub struct Version {
    /// What the API answers.
    pub body: Value,
    /// None once it is destroyed.
    pub payload: Option<Vec<u8>>,
}

/// Adds a secret.
pub fn insert(connection: &Connection, name: &str, body: &Value) -> Result<()> {
    connection.execute(
        "INSERT INTO secret (name, body, policy) VALUES (?, ?, ?)",
        params![name, body.to_string(), json!({}).to_string()],
    )?;
    Ok(())
}

/// A secret.
pub fn get(connection: &Connection, name: &str) -> Result<Option<Secret>> {
    connection
        .query_row(
            "SELECT body, policy FROM secret WHERE name = ?",
            [name],
            |row| {
                Ok(Secret {
                    body: row.get(0)?,
                    policy: row.get(1)?,
                })
            },
        )
        .optional()
}

/// The secrets of a project, by name.
pub fn list(connection: &Connection, project: &str) -> Result<Vec<Value>> {
    connection
        .prepare("SELECT body FROM secret WHERE name LIKE ? ORDER BY name")?
        .query_map([format!("{project}/secrets/%")], |row| row.get(0))?
        .collect()
}

/// Replaces what the API answers.
pub fn update(connection: &Connection, name: &str, body: &Value) -> Result<()> {
    connection.execute(
        "UPDATE secret SET body = ? WHERE name = ?",
        params![body.to_string(), name],
    )?;
    Ok(())
}

/// Sets who may do what with a secret.
pub fn set_policy(connection: &Connection, name: &str, policy: &Value) -> Result<()> {
    connection.execute(
        "UPDATE secret SET policy = ? WHERE name = ?",
        params![policy.to_string(), name],
    )?;
    Ok(())
}

/// Removes a secret and its versions.
pub fn remove(connection: &Connection, name: &str) -> Result<()> {
    connection.execute("DELETE FROM secret WHERE name = ?", [name])?;
    Ok(())
}

/// The number of the newest version, 0 when there is none.
pub fn latest(connection: &Connection, secret: &str) -> Result<u32> {
    connection.query_row(
        "SELECT coalesce(max(number), 0) FROM secret_version WHERE secret = ?",
        [secret],
        |row| row.get(0),
    )
}

/// Adds a version.
pub fn insert_version(
    connection: &Connection,
    secret: &str,
    number: u32,
    body: &Value,
    payload: &[u8],
) -> Result<()> {
    connection.execute(
        "INSERT INTO secret_version (secret, number, body, payload) VALUES (?, ?, ?, ?)",
        params![secret, number, body.to_string(), payload],
    )?;
    Ok(())
}

/// A version.
pub fn version(connection: &Connection, secret: &str, number: u32) -> Result<Option<Version>> {
    connection
        .query_row(
            "SELECT body, payload FROM secret_version WHERE secret = ? AND number = ?",
            params![secret, number],
            |row| {
                Ok(Version {
                    body: row.get(0)?,
                    payload: row.get(1)?,
                })
            },
        )
        .optional()
}

/// The versions of a secret, newest first.
pub fn versions(connection: &Connection, secret: &str) -> Result<Vec<Value>> {
    connection
        .prepare("SELECT body FROM secret_version WHERE secret = ? ORDER BY number DESC")?
        .query_map([secret], |row| row.get(0))?
        .collect()
}

/// Replaces a version.
pub fn update_version(
    connection: &Connection,
    secret: &str,
    number: u32,
    version: &Version,
) -> Result<()> {
    connection.execute(
        "UPDATE secret_version SET body = ?, payload = ? WHERE secret = ? AND number = ?",
        params![version.body.to_string(), version.payload, secret, number],
    )?;
    Ok(())
}
