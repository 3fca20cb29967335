//! IAM, version 1: service accounts and roles.

mod credentials;
mod permissions;
mod predefined;
mod roles;
mod service_accounts;

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Json, Router};
use rusqlite::Connection;
use serde_json::Value;

use super::policy::Resource;
use crate::engine::Caller;
use crate::engine::Engine;
use crate::error::{Error, Status};

/// What handlers answer.
type Answer = Result<Json<Value>, Status>;

/// What is below `/v1/projects/{project}`.
pub fn project_router() -> Router<Arc<Engine>> {
    let account = get(service_accounts::get)
        .patch(service_accounts::patch)
        .delete(service_accounts::delete)
        .post(service_accounts::post);
    let role = get(roles::get)
        .patch(roles::patch)
        .delete(roles::delete)
        .post(roles::undelete);
    Router::new()
        .route(
            "/serviceAccounts",
            get(service_accounts::list).post(service_accounts::create),
        )
        .route("/serviceAccounts/{account}", account)
        .route("/roles", get(roles::list).post(roles::create))
        .route("/roles/{role}", role)
}

/// What is in no project.
pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/v1/roles", get(predefined::list))
        .route("/v1/roles/{role}", get(predefined::get))
        .route(
            "/v1/permissions:queryTestablePermissions",
            post(permissions::query_testable),
        )
}

/// Refuses a caller who has not the permission `{kind}.{verb}` in a project.
fn require(
    tx: &Connection,
    caller: &Caller,
    project: &str,
    kind: &str,
    verb: &str,
) -> Result<(), Error> {
    let name = format!("projects/{project}");
    Resource {
        name: &name,
        project,
        kind,
    }
    .require(tx, caller, verb)
}
