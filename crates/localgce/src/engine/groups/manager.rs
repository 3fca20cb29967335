//! Managers of groups: what there is to be.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::group::{self, NamedPort, group_of};
use super::members;
use crate::engine::records::{check_name, check_new, fingerprint, get, new_body};
use crate::engine::templates;
use crate::error::Error;
use crate::json::text;
use crate::key::Key;
use crate::store::resources;

/// A manager that is to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manager {
    // It is in the key.
    #[serde(default, rename = "name")]
    _name: String,
    description: Option<String>,
    base_instance_name: Option<String>,
    instance_template: Option<String>,
    target_size: u32,
    named_ports: Option<Vec<NamedPort>>,
    update_policy: Option<UpdatePolicy>,
    #[serde(default)]
    list_managed_instances_results: Option<String>,
    #[serde(rename = "zone")]
    _zone: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdatePolicy {
    #[serde(rename = "type")]
    update_type: Option<String>,
    minimal_action: Option<String>,
    replacement_method: Option<String>,
    max_surge: Option<FixedOrPercent>,
    max_unavailable: Option<FixedOrPercent>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FixedOrPercent {
    fixed: Option<u32>,
    percent: Option<u32>,
}

/// Writes down a new manager and its group.
pub fn create(tx: &Connection, key: &Key, request: &Manager) -> Result<(), Error> {
    let base = request.base_instance_name.as_deref().unwrap_or(&key.name);
    check_name("resource.baseInstanceName", base)?;
    let group = group_of(key);
    check_new(tx, key)?;
    check_new(tx, &group)?;
    let reference = request.instance_template.as_deref();
    let reference = reference.ok_or_else(|| Error::required("resource.instanceTemplate"))?;
    let (template, _) = templates::find(tx, key, reference)?;
    let ports = request.named_ports.as_deref();
    let mut body = new_body(
        key,
        json!({
            "description": request.description,
            "baseInstanceName": base,
            "instanceTemplate": template.link(),
            "instanceGroup": group.link(),
            "namedPorts": ports,
            "updatePolicy": request.update_policy,
            "listManagedInstancesResults":
                request.list_managed_instances_results.as_deref().unwrap_or("PAGELESS"),
        }),
    );
    set_size(&mut body, request.target_size);
    body["fingerprint"] = fingerprint(&body).into();
    resources::insert(tx, key, &body)?;
    group::create(tx, &group, request.description.as_deref(), ports)
}

/// Says how many instances there are to be.
pub fn set_size(manager: &mut Value, size: u32) {
    manager["targetSize"] = size.into();
    manager["versions"] = json!([{
        "instanceTemplate": manager["instanceTemplate"],
        "targetSize": {"calculated": size},
    }]);
    set_actions(manager, "creating", size);
}

/// Says what is being done to how many instances.
pub fn set_actions(manager: &mut Value, action: &str, count: u32) {
    let actions = [
        "none",
        "creating",
        "creatingWithoutRetries",
        "recreating",
        "deleting",
        "abandoning",
        "refreshing",
        "restarting",
        "verifying",
    ];
    let actions = actions.map(|name| {
        (
            name.to_owned(),
            if name == action { count } else { 0 }.into(),
        )
    });
    manager["currentActions"] = Value::Object(actions.into_iter().collect());
    manager["status"] = json!({
        "isStable": action == "none",
        "stateful": {"hasStatefulConfig": false},
        "versionTarget": {"isReached": action == "none"},
    });
}

/// The instances of a manager's group, and what is being done to each.
pub fn managed(tx: &Connection, key: &Key) -> Result<Vec<Value>, Error> {
    let manager = get(tx, key)?;
    let instances = members::bodies(tx, &group_of(key))?;
    let items = instances.iter().map(|instance| {
        let action = match text(instance, "status") {
            "PROVISIONING" | "STAGING" => "CREATING",
            "STOPPING" => "DELETING",
            _ => "NONE",
        };
        json!({
            "instance": instance["selfLink"],
            "id": instance["id"],
            "name": instance["name"],
            "instanceStatus": instance["status"],
            "currentAction": action,
            "version": {"instanceTemplate": manager["instanceTemplate"]},
        })
    });
    Ok(items.collect())
}
