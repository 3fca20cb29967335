//! Requests with an id, and the operations that they started.

use rusqlite::{Connection, OptionalExtension, Result, params};

/// A request that was served already.
pub struct Served {
    /// The path of its target.
    pub target: String,
    /// The kind of operation.
    pub verb: String,
    /// The operation's name.
    pub operation: String,
}

/// The request with this id, if it was served.
pub fn served(connection: &Connection, request_id: &str) -> Result<Option<Served>> {
    connection
        .query_row(
            "SELECT target, verb, operation FROM request WHERE id = ?",
            [request_id],
            |row| {
                Ok(Served {
                    target: row.get(0)?,
                    verb: row.get(1)?,
                    operation: row.get(2)?,
                })
            },
        )
        .optional()
}

/// Remembers a request.
pub fn remember(connection: &Connection, request_id: &str, served: &Served) -> Result<()> {
    connection.execute(
        "INSERT INTO request (id, target, verb, operation) VALUES (?, ?, ?, ?)",
        params![request_id, served.target, served.verb, served.operation],
    )?;
    Ok(())
}

/// Removes operations that ended more than `age` seconds ago, and requests whose operation is gone.
pub fn forget_after(connection: &Connection, age: u64) -> Result<()> {
    connection.execute(
        "DELETE FROM resource WHERE parent LIKE '%/operations'
         AND unixepoch(body ->> 'endTime') < unixepoch() - ?",
        [age],
    )?;
    connection.execute(
        "DELETE FROM request WHERE operation NOT IN
         (SELECT name FROM resource WHERE parent LIKE '%/operations')",
        [],
    )?;
    Ok(())
}
