//! Service Usage, version 1.

mod services;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::engine::Engine;

/// What is below `/v1/projects/{project}`.
pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/services", get(services::list))
        .route("/services:batchEnable", post(services::batch_enable))
        .route("/services:batchGet", get(services::batch_get))
        .route(
            "/services/{service}",
            get(services::get).post(services::change),
        )
}
