//! Files below the engine's directory: their names, and those that no resource owns.

use rusqlite::{Connection, Result};

use crate::key::Kind;

/// The directories of files that the engine creates.
pub const DIRS: [&str; 4] = ["objects", "images", "snapshots", "disks"];

/// The file of a resource, by its id; `None` for kinds without a file.
pub fn of(kind: Kind, id: &str) -> Option<String> {
    let dir = match kind {
        Kind::Image => "images",
        Kind::Snapshot => "snapshots",
        Kind::Disk => "disks",
        _ => return None,
    };
    Some(format!("{dir}/{id}.qcow2"))
}

/// A content's file.
pub fn content(name: &str) -> String {
    format!("objects/{name}")
}

/// Records a file that is about to be created. It is removed if that fails.
pub fn making(connection: &Connection, path: &str) -> Result<()> {
    note(connection, path, "making")
}

/// Records a file that must be removed.
pub fn doom(connection: &Connection, path: &str) -> Result<()> {
    note(connection, path, "doomed")
}

fn note(connection: &Connection, path: &str, state: &str) -> Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO file (path, state) VALUES (?, ?)",
        [path, state],
    )?;
    Ok(())
}

/// Forgets a file that a resource owns now, or that is gone.
pub fn forget(connection: &Connection, path: &str) -> Result<()> {
    connection.execute("DELETE FROM file WHERE path = ?", [path])?;
    Ok(())
}

/// The files that must be removed.
pub fn doomed(connection: &Connection) -> Result<Vec<String>> {
    connection
        .prepare("SELECT path FROM file WHERE state = 'doomed' ORDER BY path")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Dooms the unfinished files of an engine that has ended.
pub fn abandon(connection: &Connection) -> Result<()> {
    connection.execute(
        "UPDATE file SET state = 'doomed' WHERE state = 'making'",
        [],
    )?;
    Ok(())
}

/// Every file that the database knows.
pub fn known(connection: &Connection) -> Result<Vec<String>> {
    connection
        .prepare(
            "SELECT path FROM file
             UNION SELECT 'objects/' || file FROM object
             UNION SELECT 'objects/' || file FROM upload
             UNION SELECT 'images/' || (body ->> 'id') || '.qcow2' FROM resource WHERE parent LIKE '%/images'
             UNION SELECT 'snapshots/' || (body ->> 'id') || '.qcow2' FROM resource WHERE parent LIKE '%/snapshots'
             UNION SELECT 'disks/' || (body ->> 'id') || '.qcow2' FROM resource WHERE parent LIKE '%/disks'",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}
