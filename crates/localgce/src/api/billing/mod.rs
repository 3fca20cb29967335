//! Cloud Billing, version 1: one account, and which projects it pays for.

mod accounts;
mod projects;

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use crate::engine::Engine;
use crate::error::Status;

/// What handlers answer.
type Answer = Result<Json<Value>, Status>;

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/v1/billingAccounts", get(accounts::list))
        .route("/v1/billingAccounts/{account}", get(accounts::get))
        .route(
            "/v1/billingAccounts/{account}/projects",
            get(accounts::projects),
        )
        .route(
            "/v1/projects/{project}/billingInfo",
            get(projects::get).put(projects::update),
        )
}
