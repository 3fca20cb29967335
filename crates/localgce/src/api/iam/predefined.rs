//! Google's own roles.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::handler::plain;
use super::super::method::{self, Method};
use super::roles::listing;
use crate::catalog::roles::{ROLES, Role, role};
use crate::error::Error;

pub fn methods() -> Vec<Method> {
    vec![
        method::get("iam.roles.list", "v1/roles").open(plain(list)),
        method::get("iam.roles.get", "v1/roles/{rolesId}").open(plain(get)),
    ]
}

fn list(call: &Call, _: &Connection) -> Result<Value, Error> {
    listing(call, ROLES.iter().map(body).collect())
}

fn get(call: &Call, _: &Connection) -> Result<Value, Error> {
    let name = format!("roles/{}", call.name());
    let role = role(&name)
        .ok_or_else(|| Error::missing(format!("The role named {name} was not found.")))?;
    Ok(body(role))
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
