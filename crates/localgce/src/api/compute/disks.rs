//! Persistent disks.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use super::handlers::{aggregated_list, get, list, mutate, set_labels};
use super::needs::Needs;
use crate::api::call::{Call, Nothing};
use crate::api::method::{self, Method, Need};
use crate::engine::Work;
use crate::engine::disks::{self, Disk};
use crate::engine::resource_policies as policies;
use crate::engine::snapshots::{self, Snapshot};
use crate::error::Error;
use crate::json::Int64;
use crate::key::{Key, Kind, Scope};

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.disks.aggregatedList",
            "compute/v1/projects/{project}/aggregated/disks",
        )
        .needs("compute.disks.list", aggregated_list(Kind::Disk)),
        method::get(
            "compute.disks.list",
            "compute/v1/projects/{project}/zones/{zone}/disks",
        )
        .needs("compute.disks.list", list(Kind::Disk)),
        method::post(
            "compute.disks.insert",
            "compute/v1/projects/{project}/zones/{zone}/disks",
        )
        .needs("compute.disks.create", mutate("insert", Kind::Disk, insert))
        .refers(new_refers),
        method::get(
            "compute.disks.get",
            "compute/v1/projects/{project}/zones/{zone}/disks/{disk}",
        )
        .needs("compute.disks.get", get(Kind::Disk)),
        method::delete(
            "compute.disks.delete",
            "compute/v1/projects/{project}/zones/{zone}/disks/{disk}",
        )
        .needs("compute.disks.delete", mutate("delete", Kind::Disk, delete)),
        method::post(
            "compute.disks.resize",
            "compute/v1/projects/{project}/zones/{zone}/disks/{disk}/resize",
        )
        .needs("compute.disks.resize", mutate("resize", Kind::Disk, resize)),
        method::post(
            "compute.disks.setLabels",
            "compute/v1/projects/{project}/zones/{zone}/disks/{resource}/setLabels",
        )
        .needs("compute.disks.setLabels", set_labels(Kind::Disk)),
        method::post(
            "compute.disks.createSnapshot",
            "compute/v1/projects/{project}/zones/{zone}/disks/{disk}/createSnapshot",
        )
        .needs(
            "compute.disks.createSnapshot",
            mutate("createSnapshot", Kind::Disk, create_snapshot),
        )
        .refers(snapshot_refers),
        method::post(
            "compute.disks.addResourcePolicies",
            "compute/v1/projects/{project}/zones/{zone}/disks/{disk}/addResourcePolicies",
        )
        .needs(
            "compute.disks.addResourcePolicies",
            mutate("addResourcePolicies", Kind::Disk, add_policies),
        )
        .refers(policies_refer),
        method::post(
            "compute.disks.removeResourcePolicies",
            "compute/v1/projects/{project}/zones/{zone}/disks/{disk}/removeResourcePolicies",
        )
        .needs(
            "compute.disks.removeResourcePolicies",
            mutate("removeResourcePolicies", Kind::Disk, remove_policies),
        )
        .refers(policies_refer),
    ]
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InsertQuery {
    source_image: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResizeRequest {
    size_gb: Int64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Policies {
    #[serde(default)]
    resource_policies: Vec<String>,
}

fn insert(call: &Call, tx: &Connection, key: &Key, mut disk: Disk) -> Result<Work, Error> {
    let query: InsertQuery = call.query()?;
    disk.source_image = disk.source_image.or(query.source_image);
    disks::insert(&call.engine, tx, key, disk)
}

fn new_refers(_: &Connection, call: &Call, own: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    needs.sources(body);
    needs.given("compute.disks.setLabels", own, &body["labels"]);
    needs.policies(body);
    // A query that cannot be read is refused later.
    let query: InsertQuery = call.query().unwrap_or_default();
    if let Some(image) = &query.source_image {
        needs.refer("compute.images.useReadOnly", image);
    }
    needs.all
}

fn delete(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    disks::delete(&call.engine, tx, key)
}

fn resize(call: &Call, tx: &Connection, key: &Key, request: ResizeRequest) -> Result<Work, Error> {
    disks::resize(&call.engine, tx, key, request.size_gb.0)
}

/// The operation is the disk's, in its zone.
fn create_snapshot(
    call: &Call,
    tx: &Connection,
    disk: &Key,
    snapshot: Snapshot,
) -> Result<Work, Error> {
    let key = disk.cousin(Scope::Global, Kind::Snapshot, &snapshot.name);
    snapshots::insert(&call.engine, tx, &key, disk, snapshot)
}

fn snapshot_refers(_: &Connection, call: &Call, _: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    let name = body["name"].as_str().unwrap_or_default();
    let snapshot = format!("projects/{}/global/snapshots/{name}", call.project());
    needs.need("compute.snapshots.create", snapshot.clone());
    needs.given("compute.snapshots.setLabels", &snapshot, &body["labels"]);
    needs.all
}

fn add_policies(
    _: &Call,
    tx: &Connection,
    key: &Key,
    Policies { resource_policies }: Policies,
) -> Result<Work, Error> {
    policies::add(tx, key, &resource_policies)
}

fn remove_policies(
    _: &Call,
    tx: &Connection,
    key: &Key,
    Policies { resource_policies }: Policies,
) -> Result<Work, Error> {
    policies::remove(tx, key, &resource_policies)
}

fn policies_refer(_: &Connection, call: &Call, _: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    needs.policies(body);
    needs.all
}
