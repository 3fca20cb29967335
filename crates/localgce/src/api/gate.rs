//! What a project must have before an API serves it: itself, the API enabled, and billing where the
//! API costs money.

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use rusqlite::Connection;
use serde_json::json;

use super::auth::is_grpc;
use crate::catalog;
use crate::catalog::services::{COMPUTE, Service};
use crate::engine::Engine;
use crate::error::{Error, Status};
use crate::store::projects;

/// The routes for projects in which the service may be used. The project is in the path.
pub fn gated(
    routes: Router<Arc<Engine>>,
    engine: &Arc<Engine>,
    service: &'static str,
) -> Router<Arc<Engine>> {
    let gate = move |State(engine): State<Arc<Engine>>,
                     OriginalUri(uri): OriginalUri,
                     request: Request,
                     next: Next| async move {
        let checked = match project(uri.path()) {
            Some(project) => engine.store.transaction(|tx| check(tx, project, service)),
            None => Ok(()),
        };
        match checked {
            Ok(()) => next.run(request).await,
            Err(error) if is_grpc(&request) => Status(error).into_response(),
            Err(error) => error.into_response(),
        }
    };
    routes.route_layer(from_fn_with_state(Arc::clone(engine), gate))
}

/// The project that a path is about; `-` stands for whichever has the resource.
fn project(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/projects/")?;
    rest.split('/').next().filter(|project| *project != "-")
}

/// Refuses as Google does when the service is not to be used in the project.
pub fn check(tx: &Connection, reference: &str, service: &str) -> Result<(), Error> {
    let known = catalog::project(reference);
    if service == COMPUTE && known.is_some_and(|project| project.is_public()) {
        return Ok(());
    }
    let Some(service) = catalog::services::service(service) else {
        return Ok(());
    };
    let Some(project) = projects::get(tx, reference)?.filter(projects::Project::active) else {
        return Err(unknown(reference, service));
    };
    if !projects::enabled(tx, &project.id, service.name)? {
        return Err(disabled(project.name(), service));
    }
    if service.billed && project.billing_account.is_none() {
        return Err(unbilled(project.name(), service));
    }
    Ok(())
}

fn unknown(reference: &str, service: &Service) -> Error {
    if service.name == COMPUTE {
        return Error::not_found(&format!("projects/{reference}"));
    }
    Error::forbidden(format!(
        "Permission denied on resource project {reference}."
    ))
    .because(
        "CONSUMER_INVALID",
        "googleapis.com",
        &json!({"service": service.name, "consumer": format!("projects/{reference}")}),
    )
}

fn disabled(consumer: &str, service: &Service) -> Error {
    let number = crate::key::last(consumer);
    let Service { name, title, .. } = service;
    let url =
        format!("https://console.developers.google.com/apis/api/{name}/overview?project={number}");
    Error::not_configured(format!(
        "{title} has not been used in project {number} before or it is disabled. Enable it by \
         visiting {url} then retry. If you enabled this API recently, wait a few minutes for the \
         action to propagate to our systems and retry."
    ))
    .with_detail(
        "Help",
        json!({"links": [{"description": "Google developers console API activation", "url": url}]}),
    )
    .because(
        "SERVICE_DISABLED",
        "googleapis.com",
        &json!({
            "service": name, "consumer": consumer, "serviceTitle": title, "activationUrl": url,
            "containerInfo": number,
        }),
    )
}

fn unbilled(consumer: &str, service: &Service) -> Error {
    let number = crate::key::last(consumer);
    let url = format!("https://console.developers.google.com/billing/enable?project={number}");
    Error::not_configured(format!(
        "This API method requires billing to be enabled. Please enable billing on project \
         #{number} by visiting {url} then retry. If you enabled billing for this project recently, \
         wait a few minutes for the action to propagate to our systems and retry."
    ))
    .with_detail(
        "Help",
        json!({"links": [{"description": "Google developers console billing", "url": url}]}),
    )
    .because(
        "BILLING_DISABLED",
        "googleapis.com",
        &json!({"service": service.name, "consumer": consumer}),
    )
}

#[cfg(test)]
mod tests {
    use super::project;

    #[test]
    fn the_project_in_a_path() {
        assert_eq!(project("/compute/v1/projects/p/zones/z"), Some("p"));
        assert_eq!(project("/v1/projects/417/secrets"), Some("417"));
        assert_eq!(project("/v1/projects/-/serviceAccounts/a@b"), None);
        assert_eq!(project("/v1/roles"), None);
    }
}
