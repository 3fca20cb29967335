//! Projects, version 3.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::StringMap;
use super::super::call::Call;
use super::super::handler::{json, plain};
use super::super::list::{ListQuery, truth};
use super::super::long_operations;
use super::super::method::{self, Method};
use super::super::policy::{self, Guarded};
use super::guard::{guarded, project};
use crate::catalog;
use crate::clock;
use crate::engine::{Caller, projects as engine};
use crate::error::Error;
use crate::store::{policies, projects as store};

const PACKAGE: &str = "type.googleapis.com/google.cloud.resourcemanager.v3.";

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "cloudresourcemanager.operations.get",
            "v3/operations/{operationsId}",
        )
        .open(plain(long_operations::get)),
        method::get("cloudresourcemanager.projects.list", "v3/projects").open(plain(list)),
        method::get("cloudresourcemanager.projects.search", "v3/projects:search")
            .open(plain(search)),
        method::post("cloudresourcemanager.projects.create", "v3/projects").open(json(create)),
        method::get(
            "cloudresourcemanager.projects.get",
            "v3/projects/{projectsId}",
        )
        .needs("resourcemanager.projects.get", plain(get)),
        method::patch(
            "cloudresourcemanager.projects.patch",
            "v3/projects/{projectsId}",
        )
        .needs("resourcemanager.projects.update", json(patch)),
        method::delete(
            "cloudresourcemanager.projects.delete",
            "v3/projects/{projectsId}",
        )
        .needs("resourcemanager.projects.delete", plain(delete)),
        method::post(
            "cloudresourcemanager.projects.undelete",
            "v3/projects/{projectsId}:undelete",
        )
        .needs(
            "resourcemanager.projects.undelete",
            json(|call, tx, _: Value| undelete(tx, project(tx, call)?)),
        ),
        method::post(
            "cloudresourcemanager.projects.getIamPolicy",
            "v3/projects/{projectsId}:getIamPolicy",
        )
        .needs(
            "resourcemanager.projects.getIamPolicy",
            policy::get(guarded),
        ),
        method::post(
            "cloudresourcemanager.projects.setIamPolicy",
            "v3/projects/{projectsId}:setIamPolicy",
        )
        .needs(
            "resourcemanager.projects.setIamPolicy",
            policy::set(guarded, policies::set),
        ),
        method::post(
            "cloudresourcemanager.projects.testIamPermissions",
            "v3/projects/{projectsId}:testIamPermissions",
        )
        .open(policy::test(guarded)),
    ]
}

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
struct SearchQuery {
    #[serde(default)]
    query: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParentQuery {
    parent: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    show_deleted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MaskQuery {
    update_mask: Option<String>,
}

fn create(call: &Call, tx: &Connection, request: Project) -> Result<Value, Error> {
    let body = insert(tx, &call.caller, &request)?;
    let metadata = json!({
        "@type": format!("{PACKAGE}CreateProjectMetadata"),
        "createTime": body["createTime"], "gettable": true, "ready": true,
    });
    operation("cp", tx, &metadata, &body)
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

fn get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    Ok(with_etag(project(tx, call)?.body))
}

/// The projects of an organization or a folder: this engine has neither.
fn list(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let ParentQuery {
        parent,
        show_deleted,
    } = call.query()?;
    let parent =
        parent.ok_or_else(|| Error::invalid("parent is required: organizations/N or folders/N"))?;
    let projects = visible(tx, &call.caller)?.into_iter().filter(|project| {
        project["parent"] == *parent && (show_deleted || project["state"] == "ACTIVE")
    });
    let page = call.query::<ListQuery>()?.page(projects.collect())?;
    Ok(page.body("projects"))
}

fn search(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let SearchQuery { query } = call.query()?;
    let page = call.query::<ListQuery>()?.filtered_by(&terms(&query));
    Ok(page.page(visible(tx, &call.caller)?)?.body("projects"))
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
pub fn visible(tx: &Connection, caller: &Caller) -> Result<Vec<Value>, Error> {
    let mut found = Vec::new();
    for project in store::list(tx)? {
        let guarded = Guarded::new(tx, &project.id, format!("projects/{}", project.id))?;
        if guarded.permits(tx, caller, "resourcemanager.projects.get", &guarded.name)? {
            found.push(with_etag(project.body));
        }
    }
    Ok(found)
}

fn patch(call: &Call, tx: &Connection, request: Project) -> Result<Value, Error> {
    let MaskQuery { update_mask } = call.query()?;
    let project = project(tx, call)?;
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

fn delete(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let body = remove(tx, project(tx, call)?)?;
    let kind = format!("{PACKAGE}DeleteProjectMetadata");
    operation("dp", tx, &json!({"@type": kind}), &body)
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
