//! Refuses callers who have not what a request needs.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{OriginalUri, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::permissions::{ACT_AS, Need, needed};
use crate::api::grants::permits;
use crate::api::policy::of_project;
use crate::catalog;
use crate::engine::{Caller, Engine};
use crate::error::Error;
use crate::store::{accounts, policies};

/// Above what any request of Compute Engine's has: user-data is 256 KiB at most.
const LARGEST: usize = 16 << 20;

/// What everybody may do with public images.
const PUBLIC: [&str; 4] = ["get", "list", "getFromFamily", "useReadOnly"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TemplateQuery {
    source_instance_template: Option<String>,
}

/// The routes, for those who may.
pub fn checked(routes: Router<Arc<Engine>>, engine: &Arc<Engine>) -> Router<Arc<Engine>> {
    routes.route_layer(from_fn_with_state(Arc::clone(engine), pass))
}

async fn pass(
    State(engine): State<Arc<Engine>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<TemplateQuery>,
    request: Request,
    next: Next,
) -> Response {
    let caller = request.extensions().get().cloned();
    let Some(caller @ Caller::ServiceAccount(_)) = caller else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let bytes = match to_bytes(body, LARGEST).await {
        Ok(bytes) => bytes,
        Err(error) => return Error::malformed(error.to_string()).into_response(),
    };
    // What is no JSON, the method itself refuses.
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let path = uri.path().trim_start_matches("/compute/v1/");
    let template = query.source_instance_template.as_deref();
    let needs = needed(&parts.method, path, template, &body);
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

/// Google's refusal, if the caller has not the permission.
fn check(tx: &Connection, caller: &Caller, need: &Need) -> Result<(), Error> {
    let Need {
        permission,
        resource,
    } = need;
    let project = resource.split('/').nth(1).unwrap_or_default();
    let project = catalog::project(project).map_or(project, |project| project.id);
    let verb = permission.rsplit('.').next().unwrap_or_default();
    let public = catalog::PROJECTS[1..]
        .iter()
        .any(|public| public.id == project);
    if public && PUBLIC.contains(&verb) {
        return Ok(());
    }
    let above = of_project(tx, project)?;
    let own = match permission.as_str() {
        ACT_AS => of_account(tx, resource)?,
        _ => json!({}),
    };
    if permits(tx, caller, permission, resource, &[&own, &above])? {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "Required '{permission}' permission for '{resource}'"
    )))
}

/// The policy of an account, which is named by its email here.
fn of_account(tx: &Connection, resource: &str) -> Result<Value, Error> {
    let email = resource.rsplit('/').next().unwrap_or_default();
    match accounts::get(tx, email)? {
        Some(account) => {
            let name = account["name"].as_str().unwrap_or_default();
            Ok(policies::get(tx, name)?)
        }
        None => Ok(json!({})),
    }
}
