//! Google's APIs over HTTP. One file per resource.

// The fields have Google's names.
#![allow(clippy::struct_field_names)]
// Handlers own the bodies that they are given, and return a result even where they refuse nothing.
#![allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps)]

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
#[cfg(test)]
mod served;
mod serviceusage;
mod storage;
mod sts;
mod table;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;

use crate::engine::Engine;
use crate::error::Error;
use table::Table;

/// What is served: one line for each API.
fn tables() -> impl Iterator<Item = Table> {
    (billing::tables().into_iter())
        .chain(compute::tables())
        .chain(iam::tables())
        .chain(resourcemanager::tables())
        .chain(secretmanager::tables())
        .chain(serviceusage::tables())
        .chain(storage::tables())
}

/// All APIs; the same on the loopback port and inside the VMs.
pub fn router(engine: &Arc<Engine>) -> Router {
    let rest = Router::new()
        .route(
            "/batch/compute/v1",
            post(compute::batch).layer(DefaultBodyLimit::max(compute::BATCH_LIMIT)),
        )
        .layer(Extension(router as compute::Apis))
        .fallback(|OriginalUri(uri): OriginalUri| async move { Error::not_found(uri.path()) });
    table::router(tables())
        .merge(rest)
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
