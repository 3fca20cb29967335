//! Projects, version 1: other names for the same things.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::StringMap;
use super::super::call::Call;
use super::super::handler::{json, plain};
use super::super::list::ListQuery;
use super::super::long_operations;
use super::super::method::{self, Method};
use super::super::policy;
use super::guard::{guarded, project};
use super::projects;
use crate::error::Error;
use crate::key::last;
use crate::store::policies;

const PACKAGE: &str = "type.googleapis.com/google.cloudresourcemanager.v1.";

pub fn methods() -> Vec<Method> {
    vec![
        method::get("cloudresourcemanager.projects.list", "v1/projects").open(plain(list)),
        method::post("cloudresourcemanager.projects.create", "v1/projects").open(json(create)),
        method::get(
            "cloudresourcemanager.projects.get",
            "v1/projects/{projectsId}",
        )
        .needs("resourcemanager.projects.get", plain(get)),
        method::put(
            "cloudresourcemanager.projects.update",
            "v1/projects/{projectsId}",
        )
        .needs("resourcemanager.projects.update", json(update)),
        method::delete(
            "cloudresourcemanager.projects.delete",
            "v1/projects/{projectsId}",
        )
        .needs("resourcemanager.projects.delete", plain(delete)),
        method::post(
            "cloudresourcemanager.projects.undelete",
            "v1/projects/{projectsId}:undelete",
        )
        .needs("resourcemanager.projects.undelete", json(undelete)),
        method::post(
            "cloudresourcemanager.projects.getAncestry",
            "v1/projects/{projectsId}:getAncestry",
        )
        .needs("resourcemanager.projects.get", json(ancestry)),
        method::post(
            "cloudresourcemanager.projects.getIamPolicy",
            "v1/projects/{projectsId}:getIamPolicy",
        )
        .needs(
            "resourcemanager.projects.getIamPolicy",
            policy::get(guarded),
        ),
        method::post(
            "cloudresourcemanager.projects.setIamPolicy",
            "v1/projects/{projectsId}:setIamPolicy",
        )
        .needs(
            "resourcemanager.projects.setIamPolicy",
            policy::set(guarded, policies::set),
        ),
        method::post(
            "cloudresourcemanager.projects.testIamPermissions",
            "v1/projects/{projectsId}:testIamPermissions",
        )
        .open(policy::test(guarded)),
    ]
}

/// A project that is to be, or changes of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Project {
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
struct FilterQuery {
    #[serde(default)]
    filter: String,
}

fn create(call: &Call, tx: &Connection, request: Project) -> Result<Value, Error> {
    let request = projects::Project {
        project_id: request.project_id,
        display_name: request.name,
        labels: request.labels,
        parent: request
            .parent
            .map(|parent| format!("{}s/{}", parent.kind, parent.id)),
        ..projects::Project::default()
    };
    let body = projects::insert(tx, &call.caller, &request)?;
    let metadata = json!({
        "@type": format!("{PACKAGE}ProjectCreationStatus"),
        "createTime": body["createTime"], "gettable": true, "ready": true,
    });
    let mut response = old(&body);
    response["@type"] = format!("{PACKAGE}Project").into();
    long_operations::start(tx, "cp", &metadata, &response)
}

fn get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    Ok(old(&project(tx, call)?.body))
}

fn list(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let FilterQuery { filter } = call.query()?;
    let query = call.query::<ListQuery>()?;
    let projects = projects::visible(tx, &call.caller)?;
    let page = query
        .filtered_by(&projects::terms(&filter))
        .page(projects.iter().map(old).collect())?;
    Ok(page.body("projects"))
}

fn update(call: &Call, tx: &Connection, request: Project) -> Result<Value, Error> {
    // A PUT: labels that it does not have are gone.
    let labels = request.labels.unwrap_or_default();
    let body = projects::change(tx, project(tx, call)?, request.name, Some(labels))?;
    Ok(old(&body))
}

fn delete(call: &Call, tx: &Connection) -> Result<Value, Error> {
    projects::remove(tx, project(tx, call)?)?;
    Ok(json!({}))
}

fn undelete(call: &Call, tx: &Connection, _: Value) -> Result<Value, Error> {
    projects::undelete(tx, project(tx, call)?)?;
    Ok(json!({}))
}

fn ancestry(call: &Call, tx: &Connection, _: Value) -> Result<Value, Error> {
    let id = json!({"type": "project", "id": project(tx, call)?.id});
    Ok(json!({"ancestor": [{"resourceId": id}]}))
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
