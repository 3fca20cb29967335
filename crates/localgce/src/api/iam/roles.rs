//! Custom roles of projects.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::body::{Body, prune};
use super::super::list::{ListQuery, truth};
use super::{Answer, require};
use crate::engine::Caller;
use crate::engine::Engine;
use crate::error::Error;
use crate::store::{projects, roles as store};

/// The variable parts of a URL.
#[derive(Deserialize)]
pub struct Place {
    project: String,
    role: Option<String>,
}

impl Place {
    /// The project's id, if the caller has the permission `roles.{verb}` in it.
    fn project(&self, tx: &Connection, caller: &Caller, verb: &str) -> Result<String, Error> {
        let project = projects::get(tx, &self.project)?
            .map(|project| project.id)
            .unwrap_or_default();
        require(tx, caller, &project, "iam.roles", verb)?;
        Ok(project)
    }

    /// The role and its name, if the caller has the permission `roles.{verb}`.
    fn role(&self, tx: &Connection, caller: &Caller, verb: &str) -> Result<(String, Value), Error> {
        let project = self.project(tx, caller, verb)?;
        let role = self.role.as_deref().unwrap_or_default();
        let (id, _) = role.split_once(':').unwrap_or((role, ""));
        let name = format!("projects/{project}/roles/{id}");
        match store::get(tx, &name)? {
            Some(role) => Ok((name, role)),
            None => Err(Error::missing(format!(
                "The role named {name} was not found."
            ))),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRoleRequest {
    role_id: String,
    #[serde(default)]
    role: Role,
}

/// A role as a client sends it.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Role {
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
pub struct View {
    view: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    show_deleted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeQuery {
    update_mask: Option<String>,
    etag: Option<String>,
}

pub async fn create(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(request): Body<CreateRoleRequest>,
) -> Answer {
    let id = request.role_id;
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if !(3..=64).contains(&id.len()) || !id.chars().all(good) {
        return Err(Error::invalid(format!(
            "The role_id {id} must be 3 to 64 letters, digits, underscores and periods."
        ))
        .into());
    }
    check(&request.role)?;
    let body = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "create")?;
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
    })?;
    Ok(Json(body))
}

pub async fn list(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(view): Query<View>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let roles = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "list")?;
        Ok::<_, Error>(store::list(tx, &project)?)
    })?;
    let roles = roles.into_iter().map(with_etag).collect();
    listing(roles, &view, &query)
}

/// A page of roles; only the full view has their permissions.
pub fn listing(mut roles: Vec<Value>, view: &View, query: &ListQuery) -> Answer {
    // Numbers are how Google's own libraries write enums.
    let full = matches!(view.view.as_deref(), Some("FULL" | "1"));
    roles.retain(|role| view.show_deleted || role["deleted"] != true);
    if !full {
        for role in roles.iter_mut().filter_map(Value::as_object_mut) {
            role.shift_remove("includedPermissions");
        }
    }
    let page = query.page(roles)?;
    Ok(Json(page.body("roles")))
}

pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    let (_, role) = engine
        .store
        .transaction(|tx| place.role(tx, &caller, "get"))?;
    Ok(Json(with_etag(role)))
}

pub async fn patch(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<ChangeQuery>,
    Body(request): Body<Role>,
) -> Answer {
    check(&request)?;
    let body = engine.store.transaction(|tx| {
        let (name, mut role) = place.role(tx, &caller, "update")?;
        seen(&role, request.etag.as_deref())?;
        let mut changes = prune(json!(request));
        if let (Some(mask), Some(fields)) = (&query.update_mask, changes.as_object_mut()) {
            let masked = |field: &str| mask.split(',').any(|name| same_field(name, field));
            fields.retain(|field, _| masked(field));
        }
        set(&mut role, changes);
        store::put(tx, &name, &role)?;
        Ok::<_, Error>(with_etag(role))
    })?;
    Ok(Json(body))
}

/// A deleted role is kept, and grants nothing.
pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<ChangeQuery>,
) -> Answer {
    let body = engine.store.transaction(|tx| {
        let (name, mut role) = place.role(tx, &caller, "delete")?;
        seen(&role, query.etag.as_deref())?;
        role["deleted"] = true.into();
        store::put(tx, &name, &role)?;
        Ok::<_, Error>(with_etag(role))
    })?;
    Ok(Json(body))
}

/// `:undelete`.
pub async fn undelete(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(request): Body<Role>,
) -> Answer {
    let body = engine.store.transaction(|tx| {
        let (name, mut role) = place.role(tx, &caller, "undelete")?;
        seen(&role, request.etag.as_deref())?;
        if let Some(fields) = role.as_object_mut() {
            fields.shift_remove("deleted");
        }
        store::put(tx, &name, &role)?;
        Ok::<_, Error>(with_etag(role))
    })?;
    Ok(Json(body))
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
