//! Instance groups that are not managed.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::collections::listing;
use super::handlers::{aggregated_list, get, list, mutate};
use crate::api::call::{Call, Nothing};
use crate::api::handler;
use crate::api::list::ListQuery;
use crate::api::method::{self, Method};
use crate::engine::groups::{self, NamedPort};
use crate::engine::{Work, nothing};
use crate::error::Error;
use crate::key::{Key, Kind};

/// The methods of instance groups.
pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.instanceGroups.aggregatedList",
            "compute/v1/projects/{project}/aggregated/instanceGroups",
        )
        .needs("compute.instanceGroups.list", aggregated_list(Kind::InstanceGroup)),
        method::get(
            "compute.instanceGroups.list",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroups",
        )
        .needs("compute.instanceGroups.list", list(Kind::InstanceGroup)),
        method::post(
            "compute.instanceGroups.insert",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroups",
        )
        .needs("compute.instanceGroups.create", mutate("insert", Kind::InstanceGroup, create)),
        method::get(
            "compute.instanceGroups.get",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroups/{instanceGroup}",
        )
        .needs("compute.instanceGroups.get", get(Kind::InstanceGroup)),
        method::delete(
            "compute.instanceGroups.delete",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroups/{instanceGroup}",
        )
        .needs("compute.instanceGroups.delete", mutate("delete", Kind::InstanceGroup, delete)),
        method::post(
            "compute.instanceGroups.listInstances",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroups/{instanceGroup}/listInstances",
        )
        .needs("compute.instanceGroups.list", handler::json(list_instances)),
        method::post(
            "compute.instanceGroups.setNamedPorts",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroups/{instanceGroup}/setNamedPorts",
        )
        .needs(
            "compute.instanceGroups.update",
            mutate("setNamedPorts", Kind::InstanceGroup, set_named_ports),
        ),
        method::post(
            "compute.instanceGroups.addInstances",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroups/{instanceGroup}/addInstances",
        )
        .needs("compute.instanceGroups.update", mutate("addInstances", Kind::InstanceGroup, add)),
        method::post(
            "compute.instanceGroups.removeInstances",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroups/{instanceGroup}/removeInstances",
        )
        .needs(
            "compute.instanceGroups.update",
            mutate("removeInstances", Kind::InstanceGroup, remove),
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceGroup {
    #[serde(default, rename = "name")]
    _name: String,
    description: Option<String>,
    named_ports: Option<Vec<NamedPort>>,
}

fn create(_: &Call, tx: &Connection, key: &Key, group: InstanceGroup) -> Result<Work, Error> {
    let (description, ports) = (group.description.as_deref(), group.named_ports.as_deref());
    groups::create(tx, key, description, ports)?;
    nothing()
}

fn delete(_: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    groups::delete(tx, key)?;
    nothing()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListRequest {
    instance_state: Option<String>,
}

fn list_instances(call: &Call, tx: &Connection, request: ListRequest) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let key = call.key(Kind::InstanceGroup)?;
    let members = groups::bodies(tx, &key)?;
    let running_alone = request.instance_state.as_deref() == Some("RUNNING");
    let items = members
        .iter()
        .filter(|member| !running_alone || member["status"] == "RUNNING")
        .map(|member| json!({"instance": member["selfLink"], "status": member["status"]}));
    let path = format!("{}/listInstances", key.path());
    let page = query.page(items.collect())?;
    Ok(listing("compute#instanceGroupsListInstances", &path, page))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetNamedPortsRequest {
    #[serde(default)]
    named_ports: Vec<NamedPort>,
    fingerprint: Option<String>,
}

fn set_named_ports(
    _: &Call,
    tx: &Connection,
    key: &Key,
    request: SetNamedPortsRequest,
) -> Result<Work, Error> {
    let seen = request.fingerprint.as_deref();
    groups::set_named_ports(tx, key, &request.named_ports, seen)?;
    nothing()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(default)]
    instances: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    instance: String,
}

impl Members {
    fn references(&self) -> Vec<&str> {
        let references = self.instances.iter();
        references.map(|member| member.instance.as_str()).collect()
    }
}

fn add(_: &Call, tx: &Connection, key: &Key, request: Members) -> Result<Work, Error> {
    groups::add(tx, key, &request.references())?;
    nothing()
}

fn remove(_: &Call, tx: &Connection, key: &Key, request: Members) -> Result<Work, Error> {
    groups::remove(tx, key, &request.references())?;
    nothing()
}
