//! Refuses callers who have not what a request needs.

mod method;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{OriginalUri, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use rusqlite::Connection;
use serde_json::Value;

use super::needs::{ACT_AS, is_shaped};
use crate::api::body::{LIMIT, measure};
use crate::api::call::Call;
use crate::api::grants::permits;
use crate::api::method::Need;
use crate::api::policy::of_project;
use crate::api::storage;
use crate::catalog;
use crate::engine::{Caller, Engine};
use crate::error::Error;
use crate::store::{accounts, policies};
use method::{References, needed};

/// What everybody may do with public images.
const PUBLIC: [&str; 4] = [
    "compute.images.get",
    "compute.images.getFromFamily",
    "compute.images.list",
    "compute.images.useReadOnly",
];

/// The routes, for those who may.
pub fn checked(routes: Router<Arc<Engine>>, engine: &Arc<Engine>) -> Router<Arc<Engine>> {
    routes.route_layer(from_fn_with_state(Arc::clone(engine), pass))
}

async fn pass(
    State(engine): State<Arc<Engine>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<References>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    if caller == Caller::Owner {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, LIMIT).await else {
        return Error::malformed("The request is too large.").into_response();
    };
    // What is no JSON, the method itself refuses.
    let body: Value = measure(&bytes)
        .ok()
        .and_then(|()| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let path = uri.path().strip_prefix("/compute/v1/").unwrap_or_default();
    let needs = needed(&parts.method, path, &query, &body);
    // No name has a character that is escaped, and a condition would not see through it.
    if needs.is_empty() || path.contains('%') || !is_shaped(&body) {
        return Error::malformed("Invalid request.").into_response();
    }
    let allowed = engine
        .store
        .transaction(|tx| needs.iter().try_for_each(|need| check(tx, &caller, need)));
    match allowed {
        Ok(()) => {
            next.run(Request::from_parts(parts, Body::from(bytes)))
                .await
        }
        Err(error) => error.into_response(),
    }
}

/// The resource that a method is about: a new one's name is in the body, and a list is about its project.
pub fn resource(_: &Connection, call: &Call) -> Result<String, Error> {
    let path = call.uri.path();
    let path = path.strip_prefix("/compute/v1/").unwrap_or_default();
    let body = call.unchecked_body();
    // No name has a character that is escaped, and a condition would not see through it.
    if path.contains('%') || !(body.is_null() || is_shaped(&body)) {
        return Err(Error::malformed("Invalid request."));
    }
    if call.path.ends_with('}') {
        return Ok(path.to_owned());
    }
    let (above, _) = path.rsplit_once('/').unwrap_or((path, ""));
    Ok(match (call.resource(), body["name"].as_str()) {
        (Some(_), _) => above.to_owned(),
        (None, Some(name)) => format!("{path}/{name}"),
        (None, None) => format!("projects/{}", call.project()),
    })
}

/// Google's refusal, if the caller has not the permission.
pub fn check(tx: &Connection, caller: &Caller, need: &Need) -> Result<(), Error> {
    let Need {
        permission,
        resource,
    } = need;
    let project = resource.split('/').nth(1).unwrap_or_default();
    let public = catalog::project(project).is_some_and(|project| project.is_public());
    if public && PUBLIC.contains(&permission.as_str()) {
        return Ok(());
    }
    let [own, above] = policies_of(tx, need)?;
    if permits(tx, caller, permission, resource, &[&own, &above])? {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "Required '{permission}' permission for '{resource}'"
    )))
}

/// The policies of a resource, which none but accounts and buckets have here, and of its project.
fn policies_of(
    tx: &Connection,
    Need {
        permission,
        resource,
    }: &Need,
) -> Result<[Value; 2], Error> {
    let parts: Vec<_> = resource.split('/').collect();
    match *parts.as_slice() {
        ["projects", "_", "buckets", bucket, ..] => storage::policies_of(tx, bucket),
        ["projects", project, .., email] if permission == ACT_AS => {
            let project = catalog::project(project);
            let default = project.map(|project| project.default_service_account());
            let email = match (email, default) {
                ("default", Some(default)) => default,
                (email, _) => email.to_owned(),
            };
            let account = accounts::get(tx, &email)?.unwrap_or_default();
            let text = |field: &str| account[field].as_str().unwrap_or_default();
            let own = policies::get(tx, text("name"))?;
            Ok([own, of_project(tx, text("projectId"))?])
        }
        ["projects", project, ..] => {
            let project = catalog::project(project).map_or(project, |project| project.id);
            Ok([Value::Null, of_project(tx, project)?])
        }
        _ => Ok([Value::Null, Value::Null]),
    }
}
