//! Google's APIs over HTTP. One file per resource.

// The fields have Google's names.
#![allow(clippy::struct_field_names)]

pub mod auth;
pub mod body;
mod compute;
pub mod error;
mod list;
mod secretmanager;
mod storage;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::middleware::{from_fn, from_fn_with_state};

use crate::engine::Engine;
use error::Error;

/// Publishes what nobody has to create: the images of `debian-cloud`.
pub fn publish(engine: &Engine) -> rusqlite::Result<()> {
    engine.store.transaction(compute::publish)
}

/// All APIs; the same on the loopback port and inside the VMs.
pub fn router(engine: &Arc<Engine>) -> Router {
    let owners = Router::new()
        .nest("/compute/v1/projects/{project}", compute::router())
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
