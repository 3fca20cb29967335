//! Which instances are in which group; both by their paths.

use rusqlite::{Connection, Result};

/// Puts an instance into a group.
pub fn add(connection: &Connection, group: &str, instance: &str) -> Result<()> {
    connection.execute(
        "INSERT OR IGNORE INTO group_member (instance_group, instance) VALUES (?, ?)",
        [group, instance],
    )?;
    Ok(())
}

/// The instances of a group, in the order in which they joined.
pub fn list(connection: &Connection, group: &str) -> Result<Vec<String>> {
    connection
        .prepare("SELECT instance FROM group_member WHERE instance_group = ? ORDER BY rowid")?
        .query_map([group], |row| row.get(0))?
        .collect()
}

/// Takes an instance out of its groups.
pub fn remove(connection: &Connection, instance: &str) -> Result<()> {
    connection.execute("DELETE FROM group_member WHERE instance = ?", [instance])?;
    Ok(())
}

/// Takes all instances out of a group.
pub fn clear(connection: &Connection, group: &str) -> Result<()> {
    connection.execute("DELETE FROM group_member WHERE instance_group = ?", [group])?;
    Ok(())
}
