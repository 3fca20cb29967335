//! Templates of instances.

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::instances::{self, Instance};
use super::records::{check_new, fingerprint, get, new_body};
use crate::error::Error;
use crate::json::{text, typed};
use crate::key::{Key, Kind, Scope, relative};
use crate::store::resources;

/// Writes down a template, if instances can be made of it.
pub fn create(
    tx: &Connection,
    key: &Key,
    description: Option<&str>,
    properties: Map<String, Value>,
) -> Result<(), Error> {
    instances::check_properties(&typed(properties.clone().into())?)?;
    check_new(tx, key)?;
    let fields = json!({"description": description, "properties": written(properties)});
    resources::insert(tx, key, &new_body(key, fields))?;
    Ok(())
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

/// The instance that a request asks for, by the template that it names, if any.
pub fn apply(
    tx: &Connection,
    instance: &Key,
    template: Option<&str>,
    request: Map<String, Value>,
) -> Result<Instance, Error> {
    match template {
        None => typed(request.into()),
        Some(template) => typed(merge(&find(tx, instance, template)?.1, request)),
    }
}

/// What a template gives to an instance that is asked for with `request`: each field of the request
/// replaces the template's.
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
pub fn refuse_while_used(tx: &Connection, key: &Key, _: &Value) -> Result<(), Error> {
    for (group, body) in resources::all(tx, Kind::InstanceGroupManager)? {
        if relative(text(&body, "instanceTemplate")) == key.path() {
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
