//! Google's APIs over HTTP. One file per resource.

// The fields have Google's names.
#![allow(clippy::struct_field_names)]

pub mod auth;
pub mod body;
mod compute;
pub mod error;
mod filter;
mod list;
mod secretmanager;
mod storage;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::post;

use crate::engine::Engine;
use error::Error;

/// All APIs; the same on the loopback port and inside the VMs.
pub fn router(engine: &Arc<Engine>) -> Router {
    let owners = Router::new()
        .nest("/compute/v1/projects/{project}", compute::router())
        .route("/batch/compute/v1", post(compute::batch))
        .merge(storage::router())
        .layer(from_fn(auth::owner_only));
    Router::new()
        .merge(owners)
        .nest("/v1/projects/{project}", secretmanager::router())
        .fallback(|OriginalUri(uri): OriginalUri| async move { Error::not_found(uri.path()) })
        .layer(from_fn_with_state(Arc::clone(engine), auth::authenticate))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(engine))
}
