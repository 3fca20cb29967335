//! Numbers that only grow, whatever the clock does.

use rusqlite::{Connection, Result};

/// What is counted.
#[derive(Clone, Copy)]
pub enum Counter {
    /// Generations of objects.
    Generation,
    /// Times of creation of resources, in milliseconds since 1970.
    Creation,
}

/// The next number: `now`, or the last one plus 1 if the clock has not advanced.
pub fn next(connection: &Connection, counter: Counter, now: u64) -> Result<u64> {
    let name = match counter {
        Counter::Generation => "generation",
        Counter::Creation => "creation",
    };
    connection.query_row(
        "UPDATE counter SET value = max(?, value + 1) WHERE name = ? RETURNING value",
        rusqlite::params![now, name],
        |row| row.get(0),
    )
}
