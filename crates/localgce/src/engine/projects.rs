//! New projects, with the services and accounts that they start with.

use rusqlite::{Connection, Result};
use serde_json::{Value, json};

use super::accounts;
use crate::catalog::services::{COMPUTE, SERVICES};
use crate::catalog::{BILLING_ACCOUNT, PROJECTS, Project, VM_ACCOUNT};
use crate::clock;
use crate::store::accounts as stored_accounts;
use crate::store::projects;

/// Creates a project with the services that are enabled by default.
pub fn create(
    tx: &Connection,
    project: Project,
    display_name: &str,
    labels: &Value,
) -> Result<Value> {
    let now = clock::now();
    let mut body = json!({
        "name": format!("projects/{}", project.number),
        "projectId": project.id,
        "displayName": display_name,
        "state": "ACTIVE",
        "createTime": now,
        "updateTime": now,
    });
    if labels.as_object().is_some_and(|labels| !labels.is_empty()) {
        body["labels"] = labels.clone();
    }
    projects::insert(tx, project.id, project.number, &body)?;
    for service in SERVICES.iter().filter(|service| service.initial) {
        enable(tx, project, service.name)?;
    }
    Ok(body)
}

/// Enables a service, and for Compute Engine creates the default service account. Returns whether the
/// service was disabled before.
pub fn enable(tx: &Connection, project: Project, service: &str) -> Result<bool> {
    let email = project.default_service_account();
    if service == COMPUTE && stored_accounts::get(tx, &email)?.is_none() {
        let title = "Compute Engine default service account";
        accounts::create(tx, project.id, &email, Some(title), None)?;
    }
    projects::enable(tx, project.id, service)
}

/// Creates the user's own project unless it exists: with billing, every service, and the service account
/// of the local target's VMs.
pub fn create_own(tx: &Connection) -> Result<()> {
    let own = PROJECTS[0];
    if projects::get(tx, own.id)?.is_some() {
        return Ok(());
    }
    create(tx, own, "clawbake on this machine", &json!({}))?;
    projects::set_billing_account(tx, own.id, Some(BILLING_ACCOUNT))?;
    for service in &SERVICES {
        enable(tx, own, service.name)?;
    }
    let email = accounts::email(own.id, VM_ACCOUNT);
    accounts::create(tx, own.id, &email, Some("The VMs' account"), None)?;
    Ok(())
}
