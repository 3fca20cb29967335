//! New service accounts.

use rusqlite::{Connection, Result};
use serde_json::{Value, json};

use crate::store::{accounts, new_id};

/// Gives a project an account. `project` is the project's id.
pub fn create(
    tx: &Connection,
    project: &str,
    email: &str,
    display_name: Option<&str>,
    description: Option<&str>,
) -> Result<Value> {
    // Google's account ids have 21 digits.
    let id = format!("1{:020}", new_id());
    let mut body = json!({
        "name": format!("projects/{project}/serviceAccounts/{email}"),
        "projectId": project,
        "uniqueId": id,
        "email": email,
        "etag": "MDEwMjE5MjA=",
        "oauth2ClientId": id,
    });
    for (field, text) in [("displayName", display_name), ("description", description)] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            body[field] = text.into();
        }
    }
    accounts::insert(tx, project, email, &body)?;
    Ok(body)
}

/// The email of a project's own account.
pub fn email(project: &str, account_id: &str) -> String {
    format!("{account_id}@{project}.iam.gserviceaccount.com")
}
