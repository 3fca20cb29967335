//! Projects, version 1: other names for the same things.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::{Body, StringMap};
use super::super::list::ListQuery;
use super::super::long_operations;
use super::{Answer, Place, projects};
use crate::engine::Caller;
use crate::engine::Engine;
use crate::key::last;

const PACKAGE: &str = "type.googleapis.com/google.cloudresourcemanager.v1.";

/// A project that is to be, or changes of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Project {
    #[serde(default)]
    project_id: String,
    name: Option<String>,
    labels: Option<StringMap>,
    parent: Option<ResourceId>,
    // What an update sends back as it was.
    #[serde(rename = "projectNumber")]
    _project_number: Option<Value>,
    #[serde(rename = "lifecycleState")]
    _lifecycle_state: Option<Value>,
    #[serde(rename = "createTime")]
    _create_time: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceId {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

#[derive(Deserialize)]
pub struct FilterQuery {
    #[serde(default)]
    filter: String,
}

pub async fn create(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<Project>,
) -> Answer {
    let request = projects::Project {
        project_id: request.project_id,
        display_name: request.name,
        labels: request.labels,
        parent: request
            .parent
            .map(|parent| format!("{}s/{}", parent.kind, parent.id)),
        ..projects::Project::default()
    };
    let operation = engine.store.transaction(|tx| {
        let body = projects::insert(tx, &caller, &request)?;
        let metadata = json!({
            "@type": format!("{PACKAGE}ProjectCreationStatus"),
            "createTime": body["createTime"], "gettable": true, "ready": true,
        });
        let mut response = old(&body);
        response["@type"] = format!("{PACKAGE}Project").into();
        long_operations::start(tx, "cp", &metadata, &response)
    })?;
    Ok(Json(operation))
}

pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    let project = engine
        .store
        .transaction(|tx| place.project(tx, &caller, "get"))?;
    Ok(Json(old(&project.body)))
}

pub async fn list(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Query(FilterQuery { filter }): Query<FilterQuery>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let projects = projects::visible(&engine, &caller)?;
    let projects = projects.iter().map(old).collect();
    let page = query
        .filtered_by(&projects::terms(&filter))
        .page(projects)?;
    Ok(Json(page.body("projects")))
}

pub async fn update(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(request): Body<Project>,
) -> Answer {
    let body = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "update")?;
        // A PUT: labels that it does not have are gone.
        let labels = request.labels.unwrap_or_default();
        projects::change(tx, project, request.name, Some(labels))
    })?;
    Ok(Json(old(&body)))
}

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "delete")?;
        projects::remove(tx, project)
    })?;
    Ok(Json(json!({})))
}

/// A project of version 3 in the words of version 1.
fn old(body: &Value) -> Value {
    let mut old = json!({
        "projectNumber": last(body["name"].as_str().unwrap_or_default()),
        "projectId": body["projectId"],
        "lifecycleState": body["state"],
        "name": body["displayName"],
        "createTime": body["createTime"],
    });
    if !body["labels"].is_null() {
        old["labels"] = body["labels"].clone();
    }
    old
}
