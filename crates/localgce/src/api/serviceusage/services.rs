//! The services of a project.

use std::sync::Arc;

use axum::extract::{Path, Query, RawQuery, State};
use axum::{Extension, Json};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::{Body, typed};
use super::super::list::ListQuery;
use super::super::{long_operations, policy};
use crate::catalog::services::{SERVICES, Service, service};
use crate::engine::Caller;
use crate::engine::{Engine, projects};
use crate::error::{Error, Status};
use crate::store::projects as store;

type Answer = Result<Json<Value>, Status>;

/// As many services one request may enable.
const BATCH: usize = 20;

/// The variable parts of a URL.
#[derive(Deserialize)]
pub struct Place {
    project: String,
    service: Option<String>,
}

impl Place {
    /// The project, if the caller has the permission `services.{verb}` in it.
    fn project(
        &self,
        tx: &Connection,
        caller: &Caller,
        verb: &str,
    ) -> Result<store::Project, Error> {
        let found = store::get(tx, &self.project)?.filter(store::Project::active);
        let project = found.ok_or_else(|| {
            Error::forbidden(format!(
                "Permission denied on resource project {}.",
                self.project
            ))
            .because(
                "CONSUMER_INVALID",
                "googleapis.com",
                &json!({"consumer": format!("projects/{}", self.project)}),
            )
        })?;
        let resource = policy::Resource {
            name: &format!("projects/{}", project.id),
            project: &project.id,
            kind: "serviceusage.services",
        };
        resource.require(tx, caller, verb)?;
        Ok(project)
    }

    /// The service's name, and the custom method.
    fn service(&self) -> (&str, &str) {
        let service = self.service.as_deref().unwrap_or_default();
        service.split_once(':').unwrap_or((service, ""))
    }
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
pub struct BatchEnableServicesRequest {
    #[serde(default)]
    service_ids: Vec<String>,
}

pub async fn list(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let services = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "list")?;
        SERVICES
            .iter()
            .map(|service| body(tx, &project, service))
            .collect()
    })?;
    let page = query.page(services)?;
    Ok(Json(page.body("services")))
}

pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    let body = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "get")?;
        body(tx, &project, find(place.service().0)?)
    })?;
    Ok(Json(body))
}

/// `names` says for each which it is, with its project.
pub async fn batch_get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default().replace("%2F", "/");
    let names = query
        .split('&')
        .filter_map(|term| term.strip_prefix("names="));
    let services: Vec<_> = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "get")?;
        names
            .map(|name| body(tx, &project, find(crate::key::last(name))?))
            .collect::<Result<_, Error>>()
    })?;
    Ok(Json(json!({"services": services})))
}

/// `:enable` and `:disable`.
pub async fn change(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(request): Body<Value>,
) -> Answer {
    let (name, method) = place.service();
    let operation = engine.store.transaction(|tx| match method {
        "enable" => {
            let EnableServiceRequest {} = typed(request)?;
            let project = place.project(tx, &caller, "enable")?;
            let service = find(name)?;
            let enabled = enable(tx, &project, &[service])?;
            let response = json!({"service": body(tx, &project, service)?});
            finish(
                tx,
                &project,
                &[service],
                "EnableServiceResponse",
                response,
                enabled,
            )
        }
        "disable" => {
            let _: DisableServiceRequest = typed(request)?;
            let project = place.project(tx, &caller, "disable")?;
            let service = find(name)?;
            if !store::enabled(tx, &project.id, service.name)? {
                return Err(Error::precondition(format!(
                    "The operation is attempting to disable a service '{name}' that is not enabled."
                )));
            }
            store::disable(tx, &project.id, service.name)?;
            let response = json!({"service": body(tx, &project, service)?});
            finish(
                tx,
                &project,
                &[service],
                "DisableServiceResponse",
                response,
                true,
            )
        }
        method => Err(policy::no_such_method(method)),
    })?;
    Ok(Json(operation))
}

pub async fn batch_enable(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(request): Body<BatchEnableServicesRequest>,
) -> Answer {
    if request.service_ids.len() > BATCH {
        return Err(Error::invalid(format!(
            "A batch may enable at most {BATCH} services, and this one has {}.",
            request.service_ids.len()
        ))
        .into());
    }
    let operation = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "enable")?;
        let services: Vec<_> = request
            .service_ids
            .iter()
            .map(|name| find(name))
            .collect::<Result<_, _>>()?;
        let enabled = enable(tx, &project, &services)?;
        let bodies: Vec<_> = services
            .iter()
            .map(|service| body(tx, &project, service))
            .collect::<Result<_, _>>()?;
        let response = json!({"services": bodies});
        finish(
            tx,
            &project,
            &services,
            "BatchEnableServicesResponse",
            response,
            enabled,
        )
    })?;
    Ok(Json(operation))
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
