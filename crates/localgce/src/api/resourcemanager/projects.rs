//! Projects, version 3.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::{Body, StringMap};
use super::super::list::{ListQuery, truth};
use super::super::long_operations;
use super::{Answer, Place, store};
use crate::catalog;
use crate::clock;
use crate::engine::Caller;
use crate::engine::{Engine, projects as engine};
use crate::error::Error;

const PACKAGE: &str = "type.googleapis.com/google.cloud.resourcemanager.v3.";

/// A project that is to be, or changes of one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Project {
    pub(super) project_id: String,
    pub(super) display_name: Option<String>,
    pub(super) labels: Option<StringMap>,
    pub(super) parent: Option<String>,
    pub(super) name: Option<String>,
    pub(super) etag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchQuery {
    #[serde(default)]
    query: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentQuery {
    parent: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    show_deleted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaskQuery {
    update_mask: Option<String>,
}

pub async fn create(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<Project>,
) -> Answer {
    let operation = engine.store.transaction(|tx| {
        let body = insert(tx, &caller, &request)?;
        let metadata = json!({
            "@type": format!("{PACKAGE}CreateProjectMetadata"),
            "createTime": body["createTime"], "gettable": true, "ready": true,
        });
        operation("cp", tx, &metadata, &body)
    })?;
    Ok(Json(operation))
}

/// Creates a project, and returns it.
pub fn insert(tx: &Connection, caller: &Caller, request: &Project) -> Result<Value, Error> {
    if *caller != Caller::Owner {
        return Err(Error::forbidden("The caller does not have permission"));
    }
    let id = &request.project_id;
    if !catalog::is_project_id(id) {
        return Err(Error::invalid(format!(
            "field [project.project_id] has issue [project_id '{id}' must be 6 to 30 lowercase \
             letters, digits, or hyphens. It must start with a letter. Trailing hyphens are \
             prohibited.]"
        )));
    }
    if request.name.as_deref().is_some_and(|name| !name.is_empty()) {
        return Err(Error::invalid(
            "field [project.name] has issue [the number is the server's to give]",
        ));
    }
    if let Some(parent) = request
        .parent
        .as_deref()
        .filter(|parent| !parent.is_empty())
    {
        return Err(Error::forbidden(format!(
            "The caller does not have permission on {parent}: this engine has no organizations \
             and folders, leave the parent out."
        )));
    }
    let named = catalog::project(id).filter(|_| catalog::PROJECTS.iter().all(|own| own.id != id));
    let free = store::get(tx, id)?.is_none();
    let Some(project) = named.filter(|_| free) else {
        return Err(Error::conflict(
            "alreadyExists",
            "Requested entity already exists",
        ));
    };
    let display_name = request
        .display_name
        .as_deref()
        .filter(|name| !name.is_empty());
    let labels = json!(request.labels.clone().unwrap_or_default());
    let body = engine::create(tx, project, display_name.unwrap_or(id), &labels)?;
    Ok(with_etag(body))
}

pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    let project = engine
        .store
        .transaction(|tx| place.project(tx, &caller, "get"))?;
    Ok(Json(with_etag(project.body)))
}

/// The projects of an organization or a folder: this engine has neither.
pub async fn list(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Query(parent): Query<ParentQuery>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let parent_name = parent
        .parent
        .ok_or_else(|| Error::invalid("parent is required: organizations/N or folders/N"))?;
    let projects = visible(&engine, &caller)?.into_iter().filter(|project| {
        project["parent"] == *parent_name && (parent.show_deleted || project["state"] == "ACTIVE")
    });
    answer(projects.collect(), &query)
}

pub async fn search(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Query(SearchQuery { query }): Query<SearchQuery>,
    Query(page): Query<ListQuery>,
) -> Answer {
    let projects = visible(&engine, &caller)?;
    answer(projects, &page.filtered_by(&terms(&query)))
}

/// What is searched for, in the notation of filters: blanks stand for AND there, and `id` for the
/// project's id.
pub fn terms(query: &str) -> String {
    let words = query.split_whitespace().filter(|word| *word != "AND");
    let terms: Vec<_> = words
        .map(|word| match word.strip_prefix("id") {
            Some(rest) if rest.starts_with([':', '=']) => format!("projectId{rest}"),
            _ => word.to_owned(),
        })
        .collect();
    terms.join(" AND ")
}

/// The projects that the caller may know of.
pub fn visible(engine: &Engine, caller: &Caller) -> Result<Vec<Value>, Error> {
    engine.store.transaction(|tx| {
        let mut found = Vec::new();
        for project in store::list(tx)? {
            let name = format!("projects/{}", project.id);
            let resource = super::resource_of(&name, &project.id);
            if resource.require(tx, caller, "get").is_ok() {
                found.push(with_etag(project.body));
            }
        }
        Ok(found)
    })
}

fn answer(projects: Vec<Value>, query: &ListQuery) -> Answer {
    let page = query.page(projects)?;
    Ok(Json(page.body("projects")))
}

pub async fn patch(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(MaskQuery { update_mask }): Query<MaskQuery>,
    Body(request): Body<Project>,
) -> Answer {
    let operation = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "update")?;
        let present = with_etag(project.body.clone());
        if request
            .etag
            .as_ref()
            .is_some_and(|etag| present["etag"] != **etag)
        {
            return Err(Error::aborted(
                "The project has changed meanwhile; read it again.",
            ));
        }
        let mask = update_mask.unwrap_or_else(|| "displayName,labels".into());
        let masked = |field: &str| {
            mask.split(',')
                .any(|name| name.replace('_', "").eq_ignore_ascii_case(field))
        };
        let display_name = request.display_name.filter(|_| masked("displayName"));
        let labels = request.labels.filter(|_| masked("labels"));
        let body = change(tx, project, display_name, labels)?;
        let kind = format!("{PACKAGE}UpdateProjectMetadata");
        operation("up", tx, &json!({"@type": kind}), &body)
    })?;
    Ok(Json(operation))
}

/// Gives a project another name for people, other labels.
pub fn change(
    tx: &Connection,
    project: store::Project,
    display_name: Option<String>,
    labels: Option<StringMap>,
) -> Result<Value, Error> {
    let mut body = project.body;
    if let Some(name) = display_name {
        body["displayName"] = name.into();
    }
    if let Some(labels) = labels {
        body["labels"] = json!(labels);
    }
    body["updateTime"] = clock::now().into();
    store::update(tx, &project.id, &body)?;
    Ok(with_etag(body))
}

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    let operation = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "delete")?;
        let body = remove(tx, project)?;
        let kind = format!("{PACKAGE}DeleteProjectMetadata");
        operation("dp", tx, &json!({"@type": kind}), &body)
    })?;
    Ok(Json(operation))
}

/// Marks a project as deleted. What is in it stays, as on Google for 30 days.
pub fn remove(tx: &Connection, project: store::Project) -> Result<Value, Error> {
    if project.id == catalog::PROJECTS[0].id {
        return Err(Error::precondition(
            "A lien to prevent deletion was placed on the project by localgce: it is the local \
             target's. `clawbake engine reset` deletes all that is in it.",
        ));
    }
    if !project.active() {
        return Err(Error::precondition("Project is not active"));
    }
    let mut body = project.body;
    body["state"] = "DELETE_REQUESTED".into();
    body["deleteTime"] = clock::now().into();
    store::update(tx, &project.id, &body)?;
    Ok(with_etag(body))
}

/// Takes the deletion back.
pub fn undelete(tx: &Connection, project: store::Project) -> Result<Value, Error> {
    let mut body = project.body;
    body["state"] = "ACTIVE".into();
    if let Some(fields) = body.as_object_mut() {
        fields.shift_remove("deleteTime");
    }
    store::update(tx, &project.id, &body)?;
    let kind = format!("{PACKAGE}UndeleteProjectMetadata");
    operation("udp", tx, &json!({"@type": kind}), &with_etag(body))
}

fn operation(
    prefix: &str,
    tx: &Connection,
    metadata: &Value,
    project: &Value,
) -> Result<Value, Error> {
    let mut response = project.clone();
    response["@type"] = format!("{PACKAGE}Project").into();
    long_operations::start(tx, prefix, metadata, &response)
}

fn with_etag(mut body: Value) -> Value {
    let hash = crc32c::crc32c(body.to_string().as_bytes());
    body["etag"] = format!("W/\"{hash:016x}\"").into();
    body
}

#[cfg(test)]
mod tests {
    use super::terms;

    #[test]
    fn searches_in_every_notation() {
        assert_eq!(terms("id:a state:ACTIVE"), "projectId:a AND state:ACTIVE");
        assert_eq!(
            terms("lifecycleState:ACTIVE AND id=a"),
            "lifecycleState:ACTIVE AND projectId=a"
        );
        assert_eq!(terms("identity:x"), "identity:x");
        assert_eq!(terms(""), "");
    }
}
