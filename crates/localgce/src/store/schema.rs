//! The database's tables, and the migrations from older engines.
//!
//! `schema/N.sql` leads from version N (`PRAGMA user_version`) to the next; a new database goes through
//! all of them. What has been released is never edited: a change is a new file.
//!
//! ```text
//! resource, request, group_member, guest_attribute      Compute Engine
//! secret, secret_version                                Secret Manager
//! bucket, object, upload ──▶ objects/                   Cloud Storage
//! project, service, service_account, role, policy,      Resource Manager and its kin
//!     long_operation
//! counter, file                                         the engine's own
//!
//! resource: disks ──▶ disks/<id>.qcow2 ──▶ images/<id>.qcow2 or snapshots/<id>.qcow2
//! ```
//!
//! A resource's row order (rowid) is the order of creation: rows are added behind the last one, replaced
//! only in place, and the database is never vacuumed.

use rusqlite::{Connection, Error, ErrorCode, Result, TransactionBehavior};

const STEPS: [&str; 2] = [include_str!("schema/0.sql"), include_str!("schema/1.sql")];

/// What a database is before anything is done to it.
#[derive(Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is nothing in it.
    Empty,
    /// An engine has kept its resources in it.
    Used,
    /// `SQLite` cannot make sense of it, and says why.
    Damaged(String),
    /// An engine that knows more has kept its resources in it: the version.
    Newer(usize),
}

/// Looks at a database, all of it.
pub fn inspect(connection: &Connection) -> Result<Condition> {
    match look(connection) {
        Err(error) if is_damage(&error) => Ok(Condition::Damaged(error.to_string())),
        condition => condition,
    }
}

fn look(connection: &Connection) -> Result<Condition> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    let tables: u64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let version = version(connection)?;
    Ok(match (found.as_str(), tables) {
        ("ok", _) if version > STEPS.len() => Condition::Newer(version),
        ("ok", 0) => Condition::Empty,
        ("ok", _) => Condition::Used,
        _ => Condition::Damaged(found),
    })
}

fn is_damage(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Makes today's tables of those that are there.
pub fn migrate(connection: &mut Connection) -> Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &STEPS[version(&tx)?..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", STEPS.len())?;
    tx.commit()
}

fn version(connection: &Connection) -> Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_from_before_versions_is_taken_over() -> Result<()> {
        let mut connection = Connection::open_in_memory()?;
        assert_eq!(inspect(&connection)?, Condition::Empty);
        connection.execute_batch(STEPS[0])?;
        connection.execute_batch(
            r#"INSERT INTO bucket VALUES ('b', '{}');
               INSERT INTO object VALUES ('b', 'o', 1700000000000123, '{}');
               INSERT INTO upload VALUES ('7', 'b', 'p', '{}');
               INSERT INTO resource VALUES ('i', 'projects/p/global/images', 'i',
                 '{"id": "1", "creationTimestamp": "2030-01-01T00:00:00.250Z"}');
               INSERT INTO resource VALUES ('d', 'projects/p/zones/z/disks', 'd', '{"id": "2", "sourceImageId": "1"}');
               INSERT INTO resource VALUES ('e', 'projects/p/zones/z/disks', 'e', '{"id": "3", "sourceImageId": "9"}');
               INSERT INTO resource VALUES ('f', 'projects/p/zones/z/disks', 'f', '{"id": "4", "sourceSnapshotId": "8"}');"#,
        )?;
        assert_eq!(inspect(&connection)?, Condition::Used);
        migrate(&mut connection)?;
        let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
        assert_eq!(text("SELECT file FROM object")?, "1700000000000123");
        assert_eq!(text("SELECT file FROM upload")?, "7.part");
        let counters = "SELECT group_concat(name || ' ' || value, ', ') FROM counter";
        assert_eq!(
            text(counters)?,
            "generation 1700000000000123, creation 1893456000250"
        );
        let files = "SELECT group_concat(path || ' ' || state, ', ' ORDER BY path) FROM file";
        assert_eq!(
            text(files)?,
            "images/9.qcow2 doomed, snapshots/8.qcow2 doomed"
        );
        assert_eq!(version(&connection)?, STEPS.len());
        migrate(&mut connection)
    }

    #[test]
    fn a_newer_engines_database_is_told_apart() -> Result<()> {
        let connection = Connection::open_in_memory()?;
        connection.pragma_update(None, "user_version", STEPS.len() + 1)?;
        assert_eq!(inspect(&connection)?, Condition::Newer(STEPS.len() + 1));
        Ok(())
    }
}
