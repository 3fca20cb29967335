//! Google's own roles.

use axum::Json;
use axum::extract::{Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::list::ListQuery;
use super::Answer;
use super::roles::{View, listing};
use crate::catalog::roles::{ROLES, Role, role};
use crate::error::Error;

#[derive(Deserialize)]
pub struct Place {
    role: String,
}

pub async fn list(Query(view): Query<View>, Query(query): Query<ListQuery>) -> Answer {
    let roles = ROLES.iter().map(body).collect();
    listing(roles, &view, &query)
}

pub async fn get(Path(place): Path<Place>) -> Answer {
    let name = format!("roles/{}", place.role);
    let role = role(&name)
        .ok_or_else(|| Error::missing(format!("The role named {name} was not found.")))?;
    Ok(Json(body(role)))
}

fn body(role: &Role) -> Value {
    let whole = role
        .permissions
        .iter()
        .filter(|permission| !permission.contains('*'));
    json!({
        "name": role.name,
        "title": role.title,
        "description": role.title,
        "includedPermissions": whole.collect::<Vec<_>>(),
        "stage": "GA",
        "etag": "AA==",
    })
}
