//! The services of a project.

use axum::response::IntoResponse;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::handler::{json, plain};
use super::super::list::ListQuery;
use super::super::long_operations;
use super::super::method;
use super::super::policy::require;
use super::super::table::{Api, Table, project_in_path};
use crate::catalog::services::{SERVICES, Service, service};
use crate::engine::projects;
use crate::error::{Error, Status};
use crate::store::projects as store;

/// As many services one request may enable.
const BATCH: usize = 20;

/// Service Usage, whose refusals have gRPC's status.
static API: Api = Api {
    service: None,
    project: project_in_path,
    resource: |tx, call| Ok(format!("projects/{}", project(tx, call)?.id)),
    permit: require,
    refuse: |error| Status(error).into_response(),
};

pub fn table() -> Table {
    let methods = vec![
        method::get(
            "serviceusage.operations.get",
            "v1/operations/{operationsId}",
        )
        .open(plain(long_operations::get)),
        method::get(
            "serviceusage.services.list",
            "v1/projects/{projectsId}/services",
        )
        .needs("serviceusage.services.list", plain(list)),
        method::get(
            "serviceusage.services.get",
            "v1/projects/{projectsId}/services/{servicesId}",
        )
        .needs("serviceusage.services.get", plain(get)),
        method::get(
            "serviceusage.services.batchGet",
            "v1/projects/{projectsId}/services:batchGet",
        )
        .needs("serviceusage.services.get", plain(batch_get)),
        method::post(
            "serviceusage.services.enable",
            "v1/projects/{projectsId}/services/{servicesId}:enable",
        )
        .needs("serviceusage.services.enable", json(enable_one)),
        method::post(
            "serviceusage.services.disable",
            "v1/projects/{projectsId}/services/{servicesId}:disable",
        )
        .needs("serviceusage.services.disable", json(disable)),
        method::post(
            "serviceusage.services.batchEnable",
            "v1/projects/{projectsId}/services:batchEnable",
        )
        .needs("serviceusage.services.enable", json(batch_enable)),
    ];
    Table { api: &API, methods }
}

/// The project in the path.
fn project(tx: &Connection, call: &Call) -> Result<store::Project, Error> {
    let reference = call.project();
    let found = store::get(tx, reference)?.filter(store::Project::active);
    found.ok_or_else(|| {
        Error::forbidden(format!(
            "Permission denied on resource project {reference}."
        ))
        .because(
            "CONSUMER_INVALID",
            "googleapis.com",
            &json!({"consumer": format!("projects/{reference}")}),
        )
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnableServiceRequest {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DisableServiceRequest {
    // No service of this engine depends on another one.
    #[serde(rename = "disableDependentServices")]
    _disable_dependent_services: Option<bool>,
    #[serde(rename = "checkIfServiceHasUsage")]
    _check_if_service_has_usage: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BatchEnableServicesRequest {
    #[serde(default)]
    service_ids: Vec<String>,
}

fn list(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let project = project(tx, call)?;
    let services = SERVICES.iter().map(|service| body(tx, &project, service));
    let page = query.page(services.collect::<Result<_, _>>()?)?;
    Ok(page.body("services"))
}

fn get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    body(tx, &project(tx, call)?, find(call.name())?)
}

/// `names` says for each which it is, with its project.
fn batch_get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query = call.uri.query().unwrap_or_default().replace("%2F", "/");
    let names = query
        .split('&')
        .filter_map(|term| term.strip_prefix("names="));
    let project = project(tx, call)?;
    let services = names
        .map(|name| body(tx, &project, find(crate::key::last(name))?))
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(json!({"services": services}))
}

fn enable_one(call: &Call, tx: &Connection, _: EnableServiceRequest) -> Result<Value, Error> {
    let project = project(tx, call)?;
    let service = find(call.name())?;
    let enabled = enable(tx, &project, &[service])?;
    let response = json!({"service": body(tx, &project, service)?});
    let kind = "EnableServiceResponse";
    finish(tx, &project, &[service], kind, response, enabled)
}

fn disable(call: &Call, tx: &Connection, _: DisableServiceRequest) -> Result<Value, Error> {
    let project = project(tx, call)?;
    let service = find(call.name())?;
    let name = service.name;
    if !store::enabled(tx, &project.id, name)? {
        return Err(Error::precondition(format!(
            "The operation is attempting to disable a service '{name}' that is not enabled."
        )));
    }
    store::disable(tx, &project.id, name)?;
    let response = json!({"service": body(tx, &project, service)?});
    let kind = "DisableServiceResponse";
    finish(tx, &project, &[service], kind, response, true)
}

fn batch_enable(
    call: &Call,
    tx: &Connection,
    request: BatchEnableServicesRequest,
) -> Result<Value, Error> {
    let names = request.service_ids;
    if names.len() > BATCH {
        return Err(Error::invalid(format!(
            "A batch may enable at most {BATCH} services, and this one has {}.",
            names.len()
        )));
    }
    let project = project(tx, call)?;
    let services = names.iter().map(|name| find(name));
    let services = services.collect::<Result<Vec<_>, _>>()?;
    let enabled = enable(tx, &project, &services)?;
    let bodies = services.iter().map(|service| body(tx, &project, service));
    let response = json!({"services": bodies.collect::<Result<Vec<_>, _>>()?});
    let kind = "BatchEnableServicesResponse";
    finish(tx, &project, &services, kind, response, enabled)
}

/// Enables all or none. Whether one of them was not enabled before.
fn enable(tx: &Connection, project: &store::Project, services: &[&Service]) -> Result<bool, Error> {
    let billed: Vec<_> = services
        .iter()
        .filter(|service| service.billed)
        .map(|service| service.name)
        .collect();
    if project.billing_account.is_none() && !billed.is_empty() {
        return Err(no_billing(
            crate::key::last(project.name()),
            &billed.join(","),
        ));
    }
    let named = crate::catalog::project(&project.id)
        .ok_or_else(|| Error::not_found(&format!("projects/{}", project.id)))?;
    let mut any = false;
    for service in services {
        any |= projects::enable(tx, named, service.name)?;
    }
    Ok(any)
}

/// The operation. One that changes nothing is done before it starts.
fn finish(
    tx: &Connection,
    project: &store::Project,
    services: &[&Service],
    kind: &str,
    mut response: Value,
    changed: bool,
) -> Result<Value, Error> {
    const PACKAGE: &str = "type.googleapis.com/google.api.serviceusage.v1.";
    response["@type"] = format!("{PACKAGE}{kind}").into();
    if !changed {
        return Ok(json!({
            "name": "operations/noop.DONE_OPERATION", "done": true, "response": response,
        }));
    }
    let names: Vec<_> = services
        .iter()
        .map(|service| format!("{}/services/{}", project.name(), service.name))
        .collect();
    let metadata = json!({"@type": format!("{PACKAGE}OperationMetadata"), "resourceNames": names});
    let prefix = format!("acat.p2-{}", crate::key::last(project.name()));
    long_operations::start(tx, &prefix, &metadata, &response)
}

fn find(name: &str) -> Result<&'static Service, Error> {
    service(name).ok_or_else(|| {
        Error::forbidden(format!(
            "Not found or permission denied for service(s): {name}."
        ))
        .because(
            "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
            "serviceusage.googleapis.com",
            &json!({"services": name}),
        )
    })
}

fn no_billing(number: &str, services: &str) -> Error {
    Error::precondition(format!(
        "Billing account for project '{number}' is not found. Billing must be enabled for \
         activation of service(s) '{services}' to proceed."
    ))
    .with_detail(
        "PreconditionFailure",
        json!({"violations": [{
            "type": "googleapis.com/billing-enabled",
            "subject": format!("?error_code=390001&project={number}&services={services}"),
        }]}),
    )
    .because(
        "UREQ_PROJECT_BILLING_NOT_FOUND",
        "serviceusage.googleapis.com/billing-enabled",
        &json!({"project": number, "services": services}),
    )
}

fn body(tx: &Connection, project: &store::Project, service: &Service) -> Result<Value, Error> {
    let Service { name, title, .. } = service;
    let state = if store::enabled(tx, &project.id, name)? {
        "ENABLED"
    } else {
        "DISABLED"
    };
    Ok(json!({
        "name": format!("{}/services/{name}", project.name()),
        "parent": project.name(),
        "config": {"name": name, "title": title},
        "state": state,
    }))
}
