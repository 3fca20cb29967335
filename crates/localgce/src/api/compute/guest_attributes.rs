//! Guest attributes of instances.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::place::{Answer, Place};
use crate::engine::Engine;
use crate::engine::records;
use crate::error::Error;
use crate::key::Kind;
use crate::store::guest_attributes as attributes;

pub fn router() -> Router<Arc<Engine>> {
    Router::new().route(
        "/zones/{zone}/instances/{name}/getGuestAttributes",
        get(get_attributes),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GuestAttributesQuery {
    query_path: Option<String>,
    variable_key: Option<String>,
}

async fn get_attributes(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<GuestAttributesQuery>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    let all = engine.store.transaction(|tx| {
        let instance = records::get(tx, &key)?;
        if !enabled(&instance) {
            return Err(Error::forbidden(
                "Guest attributes endpoint access is disabled.",
            ));
        }
        let id = instance["id"].as_str().unwrap_or_default();
        Ok(attributes::list(tx, id)?)
    })?;
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
        return Ok(Json(answer));
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
    Ok(Json(answer))
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
