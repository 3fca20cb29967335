//! Whom Secret Manager refuses.

use axum::response::IntoResponse;
use rusqlite::Connection;
use serde_json::json;

use super::super::call::Call;
use super::super::method::Need;
use super::super::policy::{Guarded, of_project};
use super::super::table::{Api, project_in_path};
use crate::catalog;
use crate::catalog::services::SECRET_MANAGER;
use crate::engine::Caller;
use crate::error::{Error, Status};
use crate::store::{projects, secrets as store};

/// Secret Manager, whose refusals have gRPC's status.
pub static API: Api = Api {
    service: Some(SECRET_MANAGER),
    project: project_in_path,
    resource,
    permit,
    refuse: |error| Status(error).into_response(),
};

/// `projects/N`, by the project's number as Google answers.
pub fn project(call: &Call) -> Result<String, Error> {
    let project = call.project();
    if project.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(format!("projects/{project}"));
    }
    match catalog::project(project) {
        Some(project) => Ok(format!("projects/{}", project.number)),
        None => Err(denied(
            "resourcemanager.projects.get",
            &format!("projects/{project}"),
        )),
    }
}

/// The name of the secret that a call is about.
pub fn secret(call: &Call) -> Result<String, Error> {
    Ok(format!(
        "{}/secrets/{}",
        project(call)?,
        call.variable("secretsId")
    ))
}

/// The project, secret or version that a call is about.
fn resource(_: &Connection, call: &Call) -> Result<String, Error> {
    let [secret, version] = ["secretsId", "versionsId"].map(|name| call.variable(name));
    let project = project(call)?;
    Ok(match (secret, version) {
        ("", _) => project,
        (secret, "") => format!("{project}/secrets/{secret}"),
        (secret, version) => format!("{project}/secrets/{secret}/versions/{version}"),
    })
}

/// Refuses whom neither the secret's policy nor its project's gives the permission. What does not exist
/// is nobody's but the owner's to know.
fn permit(tx: &Connection, caller: &Caller, need: &Need) -> Result<(), Error> {
    let Need {
        permission,
        resource,
    } = need;
    let secret = resource.split("/versions/").next().unwrap_or_default();
    let guarded = guarded(tx, secret.to_owned())?;
    if guarded.permits(tx, caller, permission, resource)? {
        return Ok(());
    }
    Err(denied(permission, resource))
}

/// A secret, there or not, with the policies that count for it. Its name begins with `projects/N`.
pub fn guarded(tx: &Connection, name: String) -> Result<Guarded, Error> {
    let number = name.split('/').nth(1).unwrap_or_default();
    let above = match projects::get(tx, number)? {
        Some(project) => of_project(tx, &project.id)?,
        None => json!({}),
    };
    let own = store::get(tx, &name)?.map(|secret| secret.policy);
    Ok(Guarded {
        name,
        own: own.unwrap_or_default(),
        above,
    })
}

fn denied(permission: &str, resource: &str) -> Error {
    Error::forbidden(format!(
        "Permission '{permission}' denied for resource '{resource}' (or it may not exist)."
    ))
}
