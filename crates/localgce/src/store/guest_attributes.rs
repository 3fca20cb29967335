//! What guests write about themselves. They are known by their instance's id.

use rusqlite::{Connection, OptionalExtension, Result};

/// One attribute.
pub struct Attribute {
    /// Its namespace.
    pub namespace: String,
    /// Its name there.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// An attribute's value.
pub fn get(
    connection: &Connection,
    instance: &str,
    namespace: &str,
    key: &str,
) -> Result<Option<String>> {
    connection
        .query_row(
            "SELECT value FROM guest_attribute WHERE instance = ? AND namespace = ? AND key = ?",
            [instance, namespace, key],
            |row| row.get(0),
        )
        .optional()
}

/// All attributes of an instance.
pub fn list(connection: &Connection, instance: &str) -> Result<Vec<Attribute>> {
    connection
        .prepare(
            "SELECT namespace, key, value FROM guest_attribute WHERE instance = ?
             ORDER BY namespace, key",
        )?
        .query_map([instance], |row| {
            Ok(Attribute {
                namespace: row.get(0)?,
                key: row.get(1)?,
                value: row.get(2)?,
            })
        })?
        .collect()
}

/// How many other attributes an instance has, and how many bytes their names and values take.
pub fn others(
    connection: &Connection,
    instance: &str,
    namespace: &str,
    key: &str,
) -> Result<(usize, usize)> {
    connection.query_row(
        "SELECT count(*), coalesce(sum(octet_length(namespace) + octet_length(key) + octet_length(value)), 0)
         FROM guest_attribute WHERE instance = ? AND NOT (namespace = ? AND key = ?)",
        [instance, namespace, key],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Sets an attribute.
pub fn set(
    connection: &Connection,
    instance: &str,
    namespace: &str,
    key: &str,
    value: &str,
) -> Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO guest_attribute (instance, namespace, key, value)
         VALUES (?, ?, ?, ?)",
        [instance, namespace, key, value],
    )?;
    Ok(())
}

/// Forgets an attribute.
pub fn remove(connection: &Connection, instance: &str, namespace: &str, key: &str) -> Result<()> {
    connection.execute(
        "DELETE FROM guest_attribute WHERE instance = ? AND namespace = ? AND key = ?",
        [instance, namespace, key],
    )?;
    Ok(())
}

/// Forgets all attributes of an instance.
pub fn clear(connection: &Connection, instance: &str) -> Result<()> {
    connection.execute("DELETE FROM guest_attribute WHERE instance = ?", [instance])?;
    Ok(())
}
