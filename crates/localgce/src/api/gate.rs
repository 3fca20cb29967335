//! What a project must have before an API serves it: itself, the API enabled, and billing where the
//! API costs money.

use rusqlite::Connection;
use serde_json::json;

use crate::catalog;
use crate::catalog::services::{COMPUTE, Service};
use crate::error::Error;
use crate::store::projects;

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
