//! Templates of instances, global and regional.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::collections::{aggregated_list_of, list_of};
use super::instances;
use super::one::{delete_of, get_of};
use super::place::{Answer, Place, RequestId};
use crate::api::body::{Body, typed};
use crate::engine::records::{check_new, fingerprint, get, new_body};
use crate::engine::{Engine, nothing};
use crate::error::Error;
use crate::key::{Key, Kind, Scope, relative};
use crate::store::resources;

pub fn router() -> Router<Arc<Engine>> {
    ["/global", "/regions/{region}"]
        .into_iter()
        .fold(Router::new(), |router, scope| {
            let path = format!("{scope}/instanceTemplates");
            let all = list_of(Kind::InstanceTemplate).merge(post(insert));
            let delete = delete_of(Kind::InstanceTemplate, in_use);
            let one = get_of(Kind::InstanceTemplate).merge(delete);
            router
                .route(&path, all)
                .route(&format!("{path}/{{name}}"), one)
        })
        .route(
            "/aggregated/instanceTemplates",
            aggregated_list_of(Kind::InstanceTemplate),
        )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceTemplate {
    #[serde(default)]
    name: String,
    description: Option<String>,
    #[serde(rename = "region")]
    _region: Option<String>,
    properties: Map<String, Value>,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(template): Body<InstanceTemplate>,
) -> Answer {
    let key = place.new_key(Kind::InstanceTemplate, &template.name)?;
    instances::check_properties(&typed(template.properties.clone().into())?)?;
    let body = new_body(
        &key,
        json!({
            "description": template.description,
            "properties": written(template.properties),
        }),
    );
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            check_new(tx, &key)?;
            resources::insert(tx, &key, &body)?;
            nothing()
        })
        .map(Json)
}

/// Properties as a template shows them.
fn written(properties: Map<String, Value>) -> Value {
    let mut properties = Value::from(properties);
    if let Some(disks) = properties["disks"].as_array_mut() {
        for (index, disk) in disks.iter_mut().enumerate() {
            disk["index"] = index.into();
            for (field, value) in [("type", "PERSISTENT"), ("mode", "READ_WRITE")] {
                if disk[field].is_null() {
                    disk[field] = value.into();
                }
            }
        }
    }
    for field in ["metadata", "tags"] {
        if properties[field].is_object() {
            let fingerprint = fingerprint(&properties[field]["items"]);
            properties[field]["fingerprint"] = fingerprint.into();
        }
    }
    properties
}

/// The template that an instance or a group at `place` asks for by name or link.
pub fn find(tx: &Connection, place: &Key, reference: &str) -> Result<(Key, Value), Error> {
    let key = place
        .cousin(Scope::Global, Kind::InstanceTemplate, "")
        .resolve(Kind::InstanceTemplate, reference)
        .ok_or_else(|| Error::field("instanceTemplate", reference, "The URL is malformed."))?;
    let body = get(tx, &key)?;
    Ok((key, body))
}

/// What a template gives to an instance that is asked for with `request`: each field of the request
/// takes the place of the template's.
pub fn merge(template: &Value, request: Map<String, Value>) -> Value {
    let mut merged = template["properties"].clone();
    if let Some(disks) = merged["disks"].as_array_mut() {
        for fields in disks.iter_mut().filter_map(Value::as_object_mut) {
            fields.shift_remove("index");
        }
    }
    if let Some(fields) = merged.as_object_mut() {
        fields.extend(request);
    }
    merged
}

/// Refuses to delete a template that a group makes its instances from.
fn in_use(tx: &Connection, key: &Key, _: &Value) -> Result<(), Error> {
    for (group, body) in resources::all(tx, Kind::InstanceGroupManager)? {
        let template = body["instanceTemplate"].as_str().unwrap_or_default();
        if relative(template) == key.path() {
            return Err(Error::in_use(&key.path(), &group.path()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::merge;
    use serde_json::json;

    #[test]
    fn a_request_replaces_whole_fields_of_its_template() {
        let template = json!({"properties": {
            "machineType": "e2-small",
            "disks": [{"index": 0, "boot": true}],
            "labels": {"a": "1", "b": "2"},
        }});
        let request = json!({"name": "vm", "labels": {"c": "3"}});
        let merged = merge(&template, request.as_object().unwrap().clone());
        let expected = json!({
            "machineType": "e2-small",
            "disks": [{"boot": true}],
            "labels": {"c": "3"},
            "name": "vm",
        });
        assert_eq!(merged, expected);
    }
}
