//! Managers of instance groups: as many instances of a template as are asked for.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use super::collections::listing;
use super::handlers::{aggregated_list, get, list, mutate};
use super::needs::Needs;
use crate::api::call::{Call, Nothing};
use crate::api::handler::plain;
use crate::api::list::ListQuery;
use crate::api::method::{self, Method, Need};
use crate::engine::Work;
use crate::engine::groups::{self, Manager, Replacement};
use crate::error::Error;
use crate::key::{Key, Kind};

/// The methods of managed groups.
pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.instanceGroupManagers.aggregatedList",
            "compute/v1/projects/{project}/aggregated/instanceGroupManagers",
        )
        .needs("compute.instanceGroupManagers.list", aggregated_list(Kind::InstanceGroupManager)),
        method::get(
            "compute.instanceGroupManagers.list",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroupManagers",
        )
        .needs("compute.instanceGroupManagers.list", list(Kind::InstanceGroupManager)),
        method::post(
            "compute.instanceGroupManagers.insert",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroupManagers",
        )
        .needs(
            "compute.instanceGroupManagers.create",
            mutate("insert", Kind::InstanceGroupManager, create),
        )
        .refers(template),
        method::get(
            "compute.instanceGroupManagers.get",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroupManagers/{instanceGroupManager}",
        )
        .needs("compute.instanceGroupManagers.get", get(Kind::InstanceGroupManager)),
        method::delete(
            "compute.instanceGroupManagers.delete",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroupManagers/{instanceGroupManager}",
        )
        .needs(
            "compute.instanceGroupManagers.delete",
            mutate("delete", Kind::InstanceGroupManager, delete),
        ),
        method::post(
            "compute.instanceGroupManagers.resize",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroupManagers/{instanceGroupManager}/resize",
        )
        .needs(
            "compute.instanceGroupManagers.update",
            mutate("resize", Kind::InstanceGroupManager, resize),
        ),
        method::post(
            "compute.instanceGroupManagers.listManagedInstances",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroupManagers/{instanceGroupManager}/listManagedInstances",
        )
        .needs("compute.instanceGroupManagers.list", plain(list_managed)),
        method::post(
            "compute.instanceGroupManagers.recreateInstances",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroupManagers/{instanceGroupManager}/recreateInstances",
        )
        .needs(
            "compute.instanceGroupManagers.update",
            mutate("recreateInstances", Kind::InstanceGroupManager, recreate),
        ),
        method::post(
            "compute.instanceGroupManagers.deleteInstances",
            "compute/v1/projects/{project}/zones/{zone}/instanceGroupManagers/{instanceGroupManager}/deleteInstances",
        )
        .needs(
            "compute.instanceGroupManagers.update",
            mutate("deleteInstances", Kind::InstanceGroupManager, delete_instances),
        ),
        // gcloud asks whether a group has an autoscaler; none has one here.
        method::get(
            "compute.autoscalers.list",
            "compute/v1/projects/{project}/zones/{zone}/autoscalers",
        )
        .needs("compute.autoscalers.list", plain(no_autoscalers)),
    ]
}

fn create(call: &Call, tx: &Connection, key: &Key, request: Manager) -> Result<Work, Error> {
    groups::create_manager(tx, key, &request)?;
    call.engine.reconcile_later(key)
}

/// The template that a new group's instances are made from.
fn template(_: &Connection, call: &Call, _: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    needs.field(
        "compute.instanceTemplates.useReadOnly",
        &body["instanceTemplate"],
    );
    needs.all
}

fn delete(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    call.engine.delete_group(tx, key)
}

#[derive(Deserialize)]
struct ResizeQuery {
    size: u32,
}

fn resize(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    let query: ResizeQuery = call.query()?;
    call.engine.resize_group(tx, key, query.size)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Instances {
    #[serde(default)]
    instances: Vec<String>,
    #[serde(default)]
    skip_instances_on_validation_error: bool,
}

impl Instances {
    fn replacement(&self, again: bool) -> Replacement<'_> {
        Replacement {
            instances: &self.instances,
            skip_others: self.skip_instances_on_validation_error,
            again,
        }
    }
}

/// Deletes instances; the group makes new ones of the same names.
fn recreate(call: &Call, tx: &Connection, key: &Key, request: Instances) -> Result<Work, Error> {
    call.engine.replace(tx, key, &request.replacement(true))
}

/// Deletes instances, by which the group gets smaller.
fn delete_instances(
    call: &Call,
    tx: &Connection,
    key: &Key,
    request: Instances,
) -> Result<Work, Error> {
    call.engine.replace(tx, key, &request.replacement(false))
}

fn list_managed(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let managed = groups::managed(tx, &call.key(Kind::InstanceGroupManager)?)?;
    Ok(query.page(managed)?.body("managedInstances"))
}

fn no_autoscalers(call: &Call, _: &Connection) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let scope = call.scope()?.path();
    let path = format!("projects/{}/{scope}/autoscalers", call.known_project()?.id);
    Ok(listing(
        "compute#autoscalerList",
        &path,
        query.page(Vec::new())?,
    ))
}
