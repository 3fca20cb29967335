//! Whom Resource Manager refuses.

use axum::response::IntoResponse;
use rusqlite::Connection;
use serde_json::json;

use super::super::call::Call;
use super::super::policy::{Guarded, require};
use super::super::table::{Api, project_in_path};
use crate::error::{Error, Status};
use crate::store::projects as store;

/// Resource Manager, whose refusals have gRPC's status.
pub static API: Api = Api {
    service: None,
    project: project_in_path,
    resource: |tx, call| Ok(format!("projects/{}", project(tx, call)?.id)),
    permit: require,
    refuse: |error| Status(error).into_response(),
};

/// The project in the path, also a deleted one.
pub fn project(tx: &Connection, call: &Call) -> Result<store::Project, Error> {
    let reference = call.project();
    store::get(tx, reference)?.ok_or_else(|| match call.permission {
        "" => Error::forbidden("The caller does not have permission"),
        policy if policy.ends_with("IamPolicy") => {
            Error::forbidden("The caller does not have permission")
        }
        permission => Error::forbidden(format!(
            "Permission '{permission}' denied on resource \
             '//cloudresourcemanager.googleapis.com/projects/{reference}' (or it may not exist)."
        ))
        .because(
            "IAM_PERMISSION_DENIED",
            "cloudresourcemanager.googleapis.com",
            &json!({"permission": permission, "resource": format!("projects/{reference}")}),
        ),
    })
}

/// The project in the path, with its policy.
pub fn guarded(tx: &Connection, call: &Call) -> Result<Guarded, Error> {
    let project = project(tx, call)?;
    Guarded::new(tx, &project.id, format!("projects/{}", project.id))
}
