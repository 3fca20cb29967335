//! Whom Cloud Billing refuses.

use axum::response::IntoResponse;
use rusqlite::Connection;

use super::super::call::Call;
use super::super::policy::require;
use super::super::table::{Api, project_in_path};
use crate::error::{Error, Status};
use crate::store::projects as store;

/// Cloud Billing, whose refusals have gRPC's status.
pub static API: Api = Api {
    service: None,
    project: project_in_path,
    resource: |tx, call| Ok(format!("projects/{}", project(tx, call)?.id)),
    permit: require,
    refuse: |error| Status(error).into_response(),
};

/// The project in the path.
pub fn project(tx: &Connection, call: &Call) -> Result<store::Project, Error> {
    let found = store::get(tx, call.project())?.filter(store::Project::active);
    found.ok_or_else(|| Error::forbidden("The caller does not have permission"))
}
