//! The gate of Cloud Storage, whose paths do not name the project: a bucket's is written in the
//! bucket, and a new bucket's is in the query. Who passes must be allowed what the method needs.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use rusqlite::Connection;
use serde::Deserialize;

use super::super::gate;
use super::access;
use crate::catalog::services::STORAGE;
use crate::engine::{Caller, Engine};
use crate::error::Error;
use crate::store::objects as store;

#[derive(Deserialize)]
struct ProjectQuery {
    project: Option<String>,
}

/// The routes for projects in which Cloud Storage may be used.
pub fn gated(routes: Router<Arc<Engine>>, engine: &Arc<Engine>) -> Router<Arc<Engine>> {
    routes.route_layer(from_fn_with_state(Arc::clone(engine), pass))
}

async fn pass(
    State(engine): State<Arc<Engine>>,
    route: MatchedPath,
    Path(variables): Path<HashMap<String, String>>,
    Query(ProjectQuery { project }): Query<ProjectQuery>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let needs = access::needed(request.method(), route.as_str());
    let bucket = |variable: &str| {
        variables
            .get(variable.trim_matches(['{', '}']))
            .map(String::as_str)
    };
    let checked = engine.store.transaction(|tx| {
        let owner = match &project {
            Some(project) => Some(project.clone()),
            None => owner(tx, bucket("bucket"))?,
        };
        if let Some(owner) = owner {
            gate::check(tx, &owner, STORAGE)?;
        }
        for (permission, variable) in &needs {
            let bucket = variable.and_then(bucket);
            access::check(tx, &caller, permission, bucket, project.as_deref())?;
        }
        Ok::<_, Error>(())
    });
    match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// The number of the project that has a bucket.
fn owner(tx: &Connection, bucket: Option<&str>) -> Result<Option<String>, Error> {
    let Some(bucket) = bucket else {
        return Ok(None);
    };
    let bucket = store::bucket(tx, bucket)?;
    Ok(bucket.and_then(|bucket| bucket["projectNumber"].as_str().map(str::to_owned)))
}
