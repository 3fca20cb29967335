//! Google's APIs over HTTP. One file per resource.

// The fields have Google's names.
#![allow(clippy::struct_field_names)]

pub mod auth;
mod billing;
pub mod body;
mod call;
mod compute;
mod condition;
mod filter;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod grants;
mod handler;
mod iam;
mod list;
mod long_operations;
mod method;
mod policy;
mod resourcemanager;
mod secretmanager;
mod serviceusage;
mod storage;
mod sts;
mod table;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::post;
use tower_http::catch_panic::CatchPanicLayer;

use crate::catalog::services::IAM;
use crate::engine::Engine;
use crate::error::Error;
use gate::gated;
use table::Table;

/// What is served.
fn tables() -> impl Iterator<Item = Table> {
    (secretmanager::tables().into_iter())
        .chain(compute::tables())
        .chain(storage::tables())
}

/// All APIs; the same on the loopback port and inside the VMs.
pub fn router(engine: &Arc<Engine>) -> Router {
    let projects = Router::new()
        .merge(gated(iam::project_router(), engine, IAM))
        .merge(serviceusage::router());
    let rest = Router::new()
        .route(
            "/batch/compute/v1",
            post(compute::batch).layer(DefaultBodyLimit::max(compute::BATCH_LIMIT)),
        )
        .nest("/v1/projects/{project}", projects)
        .merge(resourcemanager::router())
        .merge(billing::router())
        .merge(iam::router())
        .merge(long_operations::router())
        .fallback(|OriginalUri(uri): OriginalUri| async move { Error::not_found(uri.path()) });
    table::router(tables())
        .fallback_service(rest.with_state(Arc::clone(engine)))
        .layer(from_fn_with_state(Arc::clone(engine), auth::authenticate))
        .layer(DefaultBodyLimit::max(body::LIMIT))
        // Its body says who calls.
        .route(
            "/v1/token",
            post(sts::token).layer(DefaultBodyLimit::max(sts::LIMIT)),
        )
        .layer(CatchPanicLayer::custom(|_| {
            Error::internal().into_response()
        }))
        .with_state(Arc::clone(engine))
}
