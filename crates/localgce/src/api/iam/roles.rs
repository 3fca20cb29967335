//! Custom roles of projects.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::body::prune;
use super::super::call::Call;
use super::super::handler::{json, plain};
use super::super::list::{ListQuery, truth};
use super::super::method::{self, Method};
use super::guard::project;
use crate::error::Error;
use crate::store::roles as store;

pub fn methods() -> Vec<Method> {
    vec![
        method::get("iam.projects.roles.list", "v1/projects/{projectsId}/roles")
            .needs("iam.roles.list", plain(list)),
        method::post(
            "iam.projects.roles.create",
            "v1/projects/{projectsId}/roles",
        )
        .needs("iam.roles.create", json(create)),
        method::get(
            "iam.projects.roles.get",
            "v1/projects/{projectsId}/roles/{rolesId}",
        )
        .needs("iam.roles.get", plain(get)),
        method::patch(
            "iam.projects.roles.patch",
            "v1/projects/{projectsId}/roles/{rolesId}",
        )
        .needs("iam.roles.update", json(patch)),
        method::delete(
            "iam.projects.roles.delete",
            "v1/projects/{projectsId}/roles/{rolesId}",
        )
        .needs("iam.roles.delete", plain(delete)),
        method::post(
            "iam.projects.roles.undelete",
            "v1/projects/{projectsId}/roles/{rolesId}:undelete",
        )
        .needs("iam.roles.undelete", json(undelete)),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateRoleRequest {
    role_id: String,
    #[serde(default)]
    role: Role,
}

/// A role as a client sends it.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Role {
    title: Option<String>,
    description: Option<String>,
    included_permissions: Option<Vec<String>>,
    stage: Option<Value>,
    #[serde(skip_serializing)]
    etag: Option<String>,
    #[serde(skip_serializing, rename = "name")]
    _name: Option<String>,
    #[serde(skip_serializing, rename = "deleted")]
    _deleted: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    view: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    show_deleted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeQuery {
    update_mask: Option<String>,
    etag: Option<String>,
}

/// The name of the role in the path, and the role.
fn find(tx: &Connection, call: &Call) -> Result<(String, Value), Error> {
    let name = format!("projects/{}/roles/{}", project(tx, call)?, call.name());
    match store::get(tx, &name)? {
        Some(role) => Ok((name, role)),
        None => Err(Error::missing(format!(
            "The role named {name} was not found."
        ))),
    }
}

fn create(call: &Call, tx: &Connection, request: CreateRoleRequest) -> Result<Value, Error> {
    let id = request.role_id;
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if !(3..=64).contains(&id.len()) || !id.chars().all(good) {
        return Err(Error::invalid(format!(
            "The role_id {id} must be 3 to 64 letters, digits, underscores and periods."
        )));
    }
    check(&request.role)?;
    let project = project(tx, call)?;
    let name = format!("projects/{project}/roles/{id}");
    if store::get(tx, &name)?.is_some() {
        return Err(Error::conflict(
            "alreadyExists",
            format!("A role named {id} in projects/{project} already exists."),
        ));
    }
    let mut body = json!({"name": name});
    set(&mut body, prune(json!(request.role)));
    store::put(tx, &name, &body)?;
    Ok(with_etag(body))
}

fn list(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let roles = store::list(tx, &project(tx, call)?)?;
    listing(call, roles.into_iter().map(with_etag).collect())
}

/// A page of roles; only the full view has their permissions.
pub fn listing(call: &Call, mut roles: Vec<Value>) -> Result<Value, Error> {
    let (view, query): (View, ListQuery) = (call.query()?, call.query()?);
    // Numbers are how Google's own libraries write enums.
    let full = matches!(view.view.as_deref(), Some("FULL" | "1"));
    roles.retain(|role| view.show_deleted || role["deleted"] != true);
    if !full {
        for role in roles.iter_mut().filter_map(Value::as_object_mut) {
            role.shift_remove("includedPermissions");
        }
    }
    Ok(query.page(roles)?.body("roles"))
}

fn get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let (_, role) = find(tx, call)?;
    Ok(with_etag(role))
}

fn patch(call: &Call, tx: &Connection, request: Role) -> Result<Value, Error> {
    let query: ChangeQuery = call.query()?;
    check(&request)?;
    let (name, mut role) = find(tx, call)?;
    seen(&role, request.etag.as_deref())?;
    let mut changes = prune(json!(request));
    if let (Some(mask), Some(fields)) = (&query.update_mask, changes.as_object_mut()) {
        let masked = |field: &str| mask.split(',').any(|name| same_field(name, field));
        fields.retain(|field, _| masked(field));
    }
    set(&mut role, changes);
    store::put(tx, &name, &role)?;
    Ok(with_etag(role))
}

/// A deleted role is kept, and grants nothing.
fn delete(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query: ChangeQuery = call.query()?;
    let (name, mut role) = find(tx, call)?;
    seen(&role, query.etag.as_deref())?;
    role["deleted"] = true.into();
    store::put(tx, &name, &role)?;
    Ok(with_etag(role))
}

fn undelete(call: &Call, tx: &Connection, request: Role) -> Result<Value, Error> {
    let (name, mut role) = find(tx, call)?;
    seen(&role, request.etag.as_deref())?;
    if let Some(fields) = role.as_object_mut() {
        fields.shift_remove("deleted");
    }
    store::put(tx, &name, &role)?;
    Ok(with_etag(role))
}

fn check(role: &Role) -> Result<(), Error> {
    let permissions = role.included_permissions.iter().flatten();
    for permission in permissions {
        let parts: Vec<_> = permission.split('.').collect();
        let word =
            |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
        if parts.len() < 3 || !parts.iter().all(word) {
            return Err(Error::invalid(format!(
                "Permission {permission} is not valid."
            )));
        }
    }
    Ok(())
}

/// Refuses a change of what the client has not seen.
fn seen(role: &Value, etag: Option<&str>) -> Result<(), Error> {
    let present = with_etag(role.clone());
    match etag.filter(|etag| !etag.is_empty()) {
        Some(etag) if present["etag"] != etag => Err(Error::aborted(
            "There were concurrent changes to the role. Please retry the whole read-modify-write \
             with exponential backoff.",
        )),
        _ => Ok(()),
    }
}

/// Whether a name in an update mask, in either spelling, means the field.
fn same_field(name: &str, field: &str) -> bool {
    name.replace('_', "").eq_ignore_ascii_case(field)
}

fn set(role: &mut Value, changes: Value) {
    if let Value::Object(changes) = changes {
        for (field, value) in changes {
            role[field] = value;
        }
    }
}

fn with_etag(mut role: Value) -> Value {
    use base64::Engine as _;
    let hash = u64::from(crc32c::crc32c(role.to_string().as_bytes()));
    role["etag"] = base64::prelude::BASE64_STANDARD
        .encode(hash.to_be_bytes())
        .into();
    role
}
