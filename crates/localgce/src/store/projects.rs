//! Projects, and the services that are enabled in them.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use serde_json::Value;

/// A project.
pub struct Project {
    /// The id that its creator chose.
    pub id: String,
    /// The resource as the API returns it.
    pub body: Value,
    /// The billing account, `billingAccounts/B`.
    pub billing_account: Option<String>,
}

impl Project {
    fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            body: row.get(1)?,
            billing_account: row.get(2)?,
        })
    }

    /// Whether it is not deleted.
    pub fn active(&self) -> bool {
        self.body["state"] == "ACTIVE"
    }

    /// `projects/N`, by its number.
    pub fn name(&self) -> &str {
        self.body["name"].as_str().unwrap_or_default()
    }
}

/// Adds a project.
pub fn insert(connection: &Connection, id: &str, number: u64, body: &Value) -> Result<()> {
    connection.execute(
        "INSERT INTO project (id, number, body) VALUES (?, ?, ?)",
        params![id, number, body.to_string()],
    )?;
    Ok(())
}

/// A project by its id or number.
pub fn get(connection: &Connection, id_or_number: &str) -> Result<Option<Project>> {
    connection
        .query_row(
            "SELECT id, body, billing_account FROM project WHERE id = ?1 OR number = ?1",
            [id_or_number],
            Project::of,
        )
        .optional()
}

/// All projects, including deleted ones, by id.
pub fn list(connection: &Connection) -> Result<Vec<Project>> {
    connection
        .prepare("SELECT id, body, billing_account FROM project ORDER BY id")?
        .query_map([], Project::of)?
        .collect()
}

/// Replaces a project's body.
pub fn update(connection: &Connection, id: &str, body: &Value) -> Result<()> {
    connection.execute(
        "UPDATE project SET body = ? WHERE id = ?",
        params![body.to_string(), id],
    )?;
    Ok(())
}

/// Sets the billing account.
pub fn set_billing_account(connection: &Connection, id: &str, account: Option<&str>) -> Result<()> {
    connection.execute(
        "UPDATE project SET billing_account = ? WHERE id = ?",
        params![account, id],
    )?;
    Ok(())
}

/// Enables a service. Returns whether it was disabled before.
pub fn enable(connection: &Connection, id: &str, service: &str) -> Result<bool> {
    let new = connection.execute(
        "INSERT OR IGNORE INTO service (project, name) VALUES (?, ?)",
        [id, service],
    )?;
    Ok(new > 0)
}

/// Disables a service.
pub fn disable(connection: &Connection, id: &str, service: &str) -> Result<()> {
    connection.execute(
        "DELETE FROM service WHERE project = ? AND name = ?",
        [id, service],
    )?;
    Ok(())
}

/// Whether a service is enabled.
pub fn enabled(connection: &Connection, id: &str, service: &str) -> Result<bool> {
    connection.query_row(
        "SELECT count(*) > 0 FROM service WHERE project = ? AND name = ?",
        [id, service],
        |row| row.get(0),
    )
}
