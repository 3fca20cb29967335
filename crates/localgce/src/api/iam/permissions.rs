//! Which permissions a custom role may have.

use std::collections::BTreeSet;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::handler::json;
use super::super::method::{self, Method};
use crate::catalog::roles::ROLES;
use crate::error::Error;

pub fn methods() -> Vec<Method> {
    vec![
        method::post(
            "iam.permissions.queryTestablePermissions",
            "v1/permissions:queryTestablePermissions",
        )
        .open(json(query_testable)),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QueryTestablePermissionsRequest {
    #[serde(rename = "fullResourceName")]
    _full_resource_name: String,
    #[serde(rename = "pageSize")]
    _page_size: Option<u32>,
    #[serde(rename = "pageToken")]
    _page_token: Option<String>,
}

/// Those that this engine knows of predefined roles. A custom role may have others as well.
fn query_testable(
    _: &Call,
    _: &Connection,
    _: QueryTestablePermissionsRequest,
) -> Result<Value, Error> {
    let known: BTreeSet<_> = ROLES
        .iter()
        .flat_map(|role| role.permissions)
        .filter(|permission| !permission.contains('*'))
        .collect();
    let permissions: Vec<_> = known
        .into_iter()
        .map(|name| json!({"name": name, "stage": "GA"}))
        .collect();
    Ok(json!({"permissions": permissions}))
}
