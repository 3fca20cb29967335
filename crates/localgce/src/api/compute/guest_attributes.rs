//! Guest attributes of instances.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::call::Call;
use crate::api::handler::plain;
use crate::api::method::{self, Method};
use crate::engine::records;
use crate::error::Error;
use crate::json::text;
use crate::key::Kind;
use crate::store::guest_attributes as attributes;

/// The method of guest attributes.
pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.instances.getGuestAttributes",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/getGuestAttributes",
        )
        .needs("compute.instances.getGuestAttributes", plain(attributes_of)),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GuestAttributesQuery {
    query_path: Option<String>,
    variable_key: Option<String>,
}

fn attributes_of(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query: GuestAttributesQuery = call.query()?;
    let key = call.key(Kind::Instance)?;
    let instance = records::get(tx, &key)?;
    if !enabled(&instance) {
        return Err(Error::forbidden(
            "Guest attributes endpoint access is disabled.",
        ));
    }
    let all = attributes::list(tx, text(&instance, "id"))?;
    let mut answer = json!({
        "kind": "compute#guestAttributes",
        "selfLink": format!("{}/getGuestAttributes", key.link()),
    });
    let missing = |path: &str| Error::not_found(&format!("{}/guestAttributes/{path}", key.path()));
    if let Some(variable) = query.variable_key {
        let found = all
            .iter()
            .find(|a| format!("{}/{}", a.namespace, a.key) == variable);
        answer["variableValue"] = found
            .ok_or_else(|| missing(&variable))?
            .value
            .clone()
            .into();
        answer["variableKey"] = variable.into();
        return Ok(answer);
    }
    let path = query.query_path.unwrap_or_default();
    let (namespace, name) = path.split_once('/').unwrap_or((&path, ""));
    let items: Vec<_> = all
        .iter()
        .filter(|a| namespace.is_empty() || a.namespace == namespace)
        .filter(|a| name.is_empty() || a.key == name)
        .map(|a| json!({"namespace": a.namespace, "key": a.key, "value": a.value}))
        .collect();
    if items.is_empty() {
        return Err(missing(&path));
    }
    answer["queryValue"] = json!({"items": items});
    answer["queryPath"] = path.into();
    Ok(answer)
}

fn enabled(instance: &Value) -> bool {
    let items = instance["metadata"]["items"]
        .as_array()
        .into_iter()
        .flatten();
    let mut items = items.filter(|item| item["key"] == "enable-guest-attributes");
    items.any(|item| {
        item["value"]
            .as_str()
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
    })
}
