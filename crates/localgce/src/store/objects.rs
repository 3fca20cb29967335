//! Buckets, objects and unfinished uploads. Contents are files beside the database.

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::Value;

use super::files;

/// An object's metadata.
pub struct Object {
    /// The generation of its content, which grows with every change.
    pub generation: u64,
    /// The name of the file with its content.
    pub file: String,
    /// The resource as the API returns it.
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
    /// The name of the file with the bytes that have arrived.
    pub file: String,
    /// The finished object, once the upload is complete.
    pub object: Option<Value>,
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

/// Adds an object, or replaces the one of the same name and dooms its file.
pub fn put(connection: &Connection, bucket: &str, name: &str, object: &Object) -> Result<()> {
    if let Some(before) = get(connection, bucket, name)?
        && before.file != object.file
    {
        files::doom(connection, &files::content(&before.file))?;
    }
    connection.execute(
        "INSERT OR REPLACE INTO object (bucket, name, generation, file, body)
         VALUES (?, ?, ?, ?, ?)",
        params![
            bucket,
            name,
            object.generation,
            object.file,
            object.body.to_string()
        ],
    )?;
    Ok(())
}

/// An object.
pub fn get(connection: &Connection, bucket: &str, name: &str) -> Result<Option<Object>> {
    connection
        .query_row(
            "SELECT generation, file, body FROM object WHERE bucket = ? AND name = ?",
            [bucket, name],
            |row| {
                Ok(Object {
                    generation: row.get(0)?,
                    file: row.get(1)?,
                    body: row.get(2)?,
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

/// Removes an object and dooms its file.
pub fn remove(connection: &Connection, bucket: &str, name: &str) -> Result<()> {
    if let Some(object) = get(connection, bucket, name)? {
        files::doom(connection, &files::content(&object.file))?;
    }
    connection.execute(
        "DELETE FROM object WHERE bucket = ? AND name = ?",
        [bucket, name],
    )?;
    Ok(())
}

/// Begins an upload.
pub fn insert_upload(connection: &Connection, id: &str, upload: &Upload) -> Result<()> {
    connection.execute(
        "INSERT INTO upload (id, bucket, name, metadata, file, begun)
         VALUES (?, ?, ?, ?, ?, unixepoch())",
        params![
            id,
            upload.bucket,
            upload.name,
            upload.metadata.to_string(),
            upload.file
        ],
    )?;
    Ok(())
}

/// A resumable upload.
pub fn upload(connection: &Connection, id: &str) -> Result<Option<Upload>> {
    connection
        .query_row(
            "SELECT bucket, name, metadata, file, object FROM upload WHERE id = ?",
            [id],
            |row| {
                Ok(Upload {
                    bucket: row.get(0)?,
                    name: row.get(1)?,
                    metadata: row.get(2)?,
                    file: row.get(3)?,
                    object: row.get(4)?,
                })
            },
        )
        .optional()
}

/// Marks an upload as complete. The object owns its file from now on.
pub fn finish_upload(connection: &Connection, id: &str, object: &Value) -> Result<()> {
    connection.execute(
        "UPDATE upload SET object = ? WHERE id = ?",
        params![object.to_string(), id],
    )?;
    Ok(())
}

/// Removes an upload and dooms its file, unless an object owns it.
pub fn remove_upload(connection: &Connection, id: &str) -> Result<()> {
    if let Some(upload) = upload(connection, id)?
        && upload.object.is_none()
    {
        files::doom(connection, &files::content(&upload.file))?;
    }
    connection.execute("DELETE FROM upload WHERE id = ?", [id])?;
    Ok(())
}

/// Removes uploads that began more than `age` seconds ago.
pub fn expire_uploads(connection: &Connection, age: u64) -> Result<()> {
    let old: Vec<String> = connection
        .prepare("SELECT id FROM upload WHERE begun < unixepoch() - ?")?
        .query_map([age], |row| row.get(0))?
        .collect::<Result<_>>()?;
    old.iter().try_for_each(|id| remove_upload(connection, id))
}

/// Removes the uploads to a bucket.
pub fn remove_uploads_to(connection: &Connection, bucket: &str) -> Result<()> {
    let all: Vec<String> = connection
        .prepare("SELECT id FROM upload WHERE bucket = ?")?
        .query_map([bucket], |row| row.get(0))?
        .collect::<Result<_>>()?;
    all.iter().try_for_each(|id| remove_upload(connection, id))
}
