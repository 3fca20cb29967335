//! Whom IAM refuses.

use axum::response::IntoResponse;
use rusqlite::Connection;
use serde_json::Value;

use super::super::call::Call;
use super::super::gate;
use super::super::policy::{Guarded, require};
use super::super::table::{Api, project_in_path};
use crate::catalog::services::{IAM, IAM_CREDENTIALS};
use crate::error::{Error, Status};
use crate::store::{accounts as store, projects};

/// IAM, whose refusals have gRPC's status.
pub static API: Api = Api {
    service: Some(IAM),
    project: project_in_path,
    resource,
    permit: require,
    refuse: |error| Status(error).into_response(),
};

/// IAM Service Account Credentials, which counts in the account's own project.
pub static CREDENTIALS: Api = Api {
    service: Some(IAM_CREDENTIALS),
    project: |tx, call| {
        if let Some(project) = project_in_path(tx, call)? {
            gate::check(tx, &project, IAM)?;
        }
        let account = account(tx, call)?;
        Ok(account["projectId"].as_str().map(str::to_owned))
    },
    resource,
    permit: require,
    refuse: |error| Status(error).into_response(),
};

/// The account that a call is about, or its project.
fn resource(tx: &Connection, call: &Call) -> Result<String, Error> {
    match call.variable("serviceAccountsId") {
        "" => Ok(format!("projects/{}", project(tx, call)?)),
        _ => Ok(guarded(tx, call)?.name),
    }
}

/// The id of the project in the path.
pub fn project(tx: &Connection, call: &Call) -> Result<String, Error> {
    let project = projects::get(tx, call.project())?;
    Ok(project.map(|project| project.id).unwrap_or_default())
}

/// The account in the path, by email or id. `-` stands for the project that has it.
pub fn account(tx: &Connection, call: &Call) -> Result<Value, Error> {
    let (project, email) = (call.project(), call.name());
    let found = store::get(tx, email)?
        .filter(|body| project == "-" || email.contains('@') || body["projectId"] == *project);
    found.ok_or_else(|| Error::missing("Unknown service account"))
}

/// The account in the path, with its policy.
pub fn guarded(tx: &Connection, call: &Call) -> Result<Guarded, Error> {
    let account = account(tx, call)?;
    let text = |field: &str| account[field].as_str().unwrap_or_default();
    Guarded::new(tx, text("projectId"), text("name").to_owned())
}
