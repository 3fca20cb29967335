//! Which permissions a custom role may have.

use std::collections::BTreeSet;

use axum::Json;
use serde::Deserialize;
use serde_json::json;

use super::super::body::Body;
use super::Answer;
use crate::catalog::roles::ROLES;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryTestablePermissionsRequest {
    #[serde(rename = "fullResourceName")]
    _full_resource_name: String,
    #[serde(rename = "pageSize")]
    _page_size: Option<u32>,
    #[serde(rename = "pageToken")]
    _page_token: Option<String>,
}

/// Those that this engine knows of predefined roles. A custom role may have others as well.
pub async fn query_testable(Body(_): Body<QueryTestablePermissionsRequest>) -> Answer {
    let known: BTreeSet<_> = ROLES
        .iter()
        .flat_map(|role| role.permissions)
        .filter(|permission| !permission.contains('*'))
        .collect();
    let permissions: Vec<_> = known
        .into_iter()
        .map(|name| json!({"name": name, "stage": "GA"}))
        .collect();
    Ok(Json(json!({"permissions": permissions})))
}
