//! Buckets, objects and uploads under way. Contents are files beside the database.

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::Value;

/// An object's metadata.
pub struct Object {
    /// Names the file with its content.
    pub generation: u64,
    /// What the API answers.
    pub body: Value,
}

/// A resumable upload.
pub struct Upload {
    /// The bucket's name.
    pub bucket: String,
    /// The object's name.
    pub name: String,
    /// The object's metadata as the client gave it.
    pub metadata: Value,
}

/// Adds a bucket.
pub fn insert_bucket(connection: &Connection, name: &str, body: &Value) -> Result<()> {
    connection.execute(
        "INSERT INTO bucket (name, body) VALUES (?, ?)",
        params![name, body.to_string()],
    )?;
    Ok(())
}

/// A bucket.
pub fn bucket(connection: &Connection, name: &str) -> Result<Option<Value>> {
    connection
        .query_row("SELECT body FROM bucket WHERE name = ?", [name], |row| {
            row.get(0)
        })
        .optional()
}

/// All buckets, by name.
pub fn buckets(connection: &Connection) -> Result<Vec<Value>> {
    connection
        .prepare("SELECT body FROM bucket ORDER BY name")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Replaces a bucket's body.
pub fn update_bucket(connection: &Connection, name: &str, body: &Value) -> Result<()> {
    connection.execute(
        "UPDATE bucket SET body = ? WHERE name = ?",
        params![body.to_string(), name],
    )?;
    Ok(())
}

/// Removes a bucket.
pub fn remove_bucket(connection: &Connection, name: &str) -> Result<()> {
    connection.execute("DELETE FROM bucket WHERE name = ?", [name])?;
    Ok(())
}

/// Adds an object, or replaces the one of its name.
pub fn put(connection: &Connection, bucket: &str, name: &str, object: &Object) -> Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO object (bucket, name, generation, body) VALUES (?, ?, ?, ?)",
        params![bucket, name, object.generation, object.body.to_string()],
    )?;
    Ok(())
}

/// An object.
pub fn get(connection: &Connection, bucket: &str, name: &str) -> Result<Option<Object>> {
    connection
        .query_row(
            "SELECT generation, body FROM object WHERE bucket = ? AND name = ?",
            [bucket, name],
            |row| {
                Ok(Object {
                    generation: row.get(0)?,
                    body: row.get(1)?,
                })
            },
        )
        .optional()
}

/// The objects of a bucket, by name.
pub fn list(connection: &Connection, bucket: &str) -> Result<Vec<Value>> {
    connection
        .prepare("SELECT body FROM object WHERE bucket = ? ORDER BY name")?
        .query_map([bucket], |row| row.get(0))?
        .collect()
}

/// Removes an object.
pub fn remove(connection: &Connection, bucket: &str, name: &str) -> Result<()> {
    connection.execute(
        "DELETE FROM object WHERE bucket = ? AND name = ?",
        [bucket, name],
    )?;
    Ok(())
}

/// Begins an upload.
pub fn insert_upload(connection: &Connection, id: &str, upload: &Upload) -> Result<()> {
    connection.execute(
        "INSERT INTO upload (id, bucket, name, metadata) VALUES (?, ?, ?, ?)",
        params![id, upload.bucket, upload.name, upload.metadata.to_string()],
    )?;
    Ok(())
}

/// An upload under way.
pub fn upload(connection: &Connection, id: &str) -> Result<Option<Upload>> {
    connection
        .query_row(
            "SELECT bucket, name, metadata FROM upload WHERE id = ?",
            [id],
            |row| {
                Ok(Upload {
                    bucket: row.get(0)?,
                    name: row.get(1)?,
                    metadata: row.get(2)?,
                })
            },
        )
        .optional()
}

/// Ends an upload.
pub fn remove_upload(connection: &Connection, id: &str) -> Result<()> {
    connection.execute("DELETE FROM upload WHERE id = ?", [id])?;
    Ok(())
}
