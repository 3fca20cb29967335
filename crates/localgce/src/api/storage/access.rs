//! Refuses callers who have not what a request needs.

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, Query, Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use rusqlite::Connection;
use serde_json::Value;

use super::gate::{ProjectQuery, bucket};
use super::iam;
use crate::api::grants::permits;
use crate::api::policy::of_project;
use crate::engine::{Caller, Engine};
use crate::error::Error;
use crate::store::{objects as store, projects};

/// The routes, for those who may.
pub fn checked(routes: Router<Arc<Engine>>, engine: &Arc<Engine>) -> Router<Arc<Engine>> {
    routes.route_layer(from_fn_with_state(Arc::clone(engine), pass))
}

async fn pass(
    State(engine): State<Arc<Engine>>,
    OriginalUri(uri): OriginalUri,
    Query(ProjectQuery { project }): Query<ProjectQuery>,
    request: Request,
    next: Next,
) -> Response {
    let allowed = match (
        request.extensions().get(),
        needed(request.method(), uri.path()),
    ) {
        (Some(caller @ Caller::ServiceAccount(_)), Some(permission)) => engine
            .store
            .transaction(|tx| check(tx, caller, &permission, project.as_deref(), uri.path())),
        _ => Ok(()),
    };
    match allowed {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// The permission that a method needs on its bucket, or the project. None for what anybody may ask,
/// and for the parts of an upload, whose address is the grant.
fn needed(method: &Method, path: &str) -> Option<String> {
    let (_, below) = path.split_once("/v1/b")?;
    let parts: Vec<_> = below.split('/').skip(1).collect();
    let verb = match *method {
        Method::GET => "get",
        Method::DELETE => "delete",
        _ => "update",
    };
    let (kind, verb) = match (method.as_str(), parts.as_slice()) {
        (_, [_, "iam", _]) | ("PUT" | "DELETE", [_, "o"]) => return None,
        ("GET", []) => ("buckets", "list"),
        ("POST", []) => ("buckets", "create"),
        ("GET", [_, "iam"]) => ("buckets", "getIamPolicy"),
        (_, [_, "iam"]) => ("buckets", "setIamPolicy"),
        ("GET", [_, "managedFolders"]) => ("managedFolders", "list"),
        ("GET", [_, "o"]) => ("objects", "list"),
        ("POST", [_, "o", ..]) => ("objects", "create"),
        (_, [_, "o", ..]) => ("objects", verb),
        _ => ("buckets", verb),
    };
    Some(format!("storage.{kind}.{verb}"))
}

/// Google's refusal, if the caller has not the permission. A bucket that is not there, the method
/// itself refuses: names of buckets are everybody's to know.
fn check(
    tx: &Connection,
    caller: &Caller,
    permission: &str,
    project: Option<&str>,
    path: &str,
) -> Result<(), Error> {
    let named = bucket(path);
    let found = named.map(|name| store::bucket(tx, name)).transpose()?;
    let (own, above) = match &found {
        Some(None) => return Ok(()),
        Some(Some(bucket)) => (iam::policy(tx, bucket)?, iam::above(tx, bucket)?),
        None => {
            let project = projects::get(tx, project.unwrap_or_default())?;
            let id = project.map(|project| project.id).unwrap_or_default();
            (Value::Null, of_project(tx, &id)?)
        }
    };
    let resource = iam::name(named.unwrap_or_default());
    if permits(tx, caller, permission, &resource, &[&own, &above])? {
        return Ok(());
    }
    let Caller::ServiceAccount(email) = caller else {
        return Ok(());
    };
    let what = match named {
        None => "Google Cloud project",
        Some(_) if permission.starts_with("storage.buckets.") => "Google Cloud Storage bucket",
        Some(_) => "Google Cloud Storage object",
    };
    Err(Error::forbidden(format!(
        "{email} does not have {permission} access to the {what}. Permission '{permission}' denied \
         on resource (or it may not exist)."
    )))
}

#[cfg(test)]
mod tests {
    use super::needed;
    use axum::http::Method;

    #[test]
    fn a_methods_permission() {
        for (method, path, permission) in [
            (Method::GET, "/storage/v1/b", Some("storage.buckets.list")),
            (
                Method::POST,
                "/storage/v1/b",
                Some("storage.buckets.create"),
            ),
            (
                Method::GET,
                "/storage/v1/b/mine",
                Some("storage.buckets.get"),
            ),
            (
                Method::PATCH,
                "/storage/v1/b/mine",
                Some("storage.buckets.update"),
            ),
            (
                Method::PUT,
                "/storage/v1/b/mine/iam",
                Some("storage.buckets.setIamPolicy"),
            ),
            (Method::GET, "/storage/v1/b/mine/iam/testPermissions", None),
            (
                Method::GET,
                "/storage/v1/b/mine/o",
                Some("storage.objects.list"),
            ),
            (
                Method::GET,
                "/storage/v1/b/mine/o/a",
                Some("storage.objects.get"),
            ),
            (
                Method::GET,
                "/download/storage/v1/b/mine/o/a",
                Some("storage.objects.get"),
            ),
            (
                Method::DELETE,
                "/storage/v1/b/mine/o/a",
                Some("storage.objects.delete"),
            ),
            (
                Method::POST,
                "/upload/storage/v1/b/mine/o",
                Some("storage.objects.create"),
            ),
            (Method::PUT, "/upload/storage/v1/b/mine/o", None),
        ] {
            assert_eq!(
                needed(&method, path).as_deref(),
                permission,
                "{method} {path}"
            );
        }
    }
}
