//! The gate of Cloud Storage, whose paths do not name the project: a bucket's is written in the
//! bucket, and a new bucket's is in the query.

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use rusqlite::Connection;
use serde::Deserialize;

use super::super::gate;
use crate::catalog::services::STORAGE;
use crate::engine::Engine;
use crate::error::Error;
use crate::store::objects as store;

/// The query of what concerns a project's buckets.
#[derive(Deserialize)]
pub struct ProjectQuery {
    pub project: Option<String>,
}

/// The routes for projects in which Cloud Storage may be used.
pub fn gated(routes: Router<Arc<Engine>>, engine: &Arc<Engine>) -> Router<Arc<Engine>> {
    routes.route_layer(from_fn_with_state(Arc::clone(engine), pass))
}

async fn pass(
    State(engine): State<Arc<Engine>>,
    OriginalUri(uri): OriginalUri,
    Query(ProjectQuery { project }): Query<ProjectQuery>,
    request: Request,
    next: Next,
) -> Response {
    let checked = engine.store.transaction(|tx| {
        let project = match project {
            Some(project) => Some(project),
            None => owner(tx, uri.path())?,
        };
        match project {
            Some(project) => gate::check(tx, &project, STORAGE),
            None => Ok(()),
        }
    });
    match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// The number of the project that has the bucket in a path.
fn owner(tx: &Connection, path: &str) -> Result<Option<String>, Error> {
    let Some(bucket) = bucket(path) else {
        return Ok(None);
    };
    let bucket = store::bucket(tx, bucket)?;
    Ok(bucket.and_then(|bucket| bucket["projectNumber"].as_str().map(str::to_owned)))
}

/// The bucket in a path.
pub fn bucket(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/b/")?;
    rest.split('/').next()
}
