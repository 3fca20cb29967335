//! Snapshots of disks.

use rusqlite::Connection;
use serde_json::Value;

use super::handlers::{get, list, mutate, set_labels};
use super::needs::Needs;
use crate::api::call::{Call, Nothing};
use crate::api::method::{self, Method, Need};
use crate::engine::Work;
use crate::engine::snapshots::{self, Snapshot};
use crate::error::Error;
use crate::key::{Key, Kind};

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.snapshots.list",
            "compute/v1/projects/{project}/global/snapshots",
        )
        .needs("compute.snapshots.list", list(Kind::Snapshot)),
        method::post(
            "compute.snapshots.insert",
            "compute/v1/projects/{project}/global/snapshots",
        )
        .needs(
            "compute.snapshots.create",
            mutate("insert", Kind::Snapshot, insert),
        )
        .refers(refers),
        method::get(
            "compute.snapshots.get",
            "compute/v1/projects/{project}/global/snapshots/{snapshot}",
        )
        .needs("compute.snapshots.get", get(Kind::Snapshot)),
        method::delete(
            "compute.snapshots.delete",
            "compute/v1/projects/{project}/global/snapshots/{snapshot}",
        )
        .needs(
            "compute.snapshots.delete",
            mutate("delete", Kind::Snapshot, delete),
        ),
        method::post(
            "compute.snapshots.setLabels",
            "compute/v1/projects/{project}/global/snapshots/{resource}/setLabels",
        )
        .needs("compute.snapshots.setLabels", set_labels(Kind::Snapshot)),
    ]
}

fn insert(call: &Call, tx: &Connection, key: &Key, snapshot: Snapshot) -> Result<Work, Error> {
    let reference = snapshot.source_disk.as_deref().unwrap_or_default();
    let disk = key
        .resolve(Kind::Disk, reference)
        .filter(|disk| disk.zone().is_some())
        .ok_or_else(|| Error::field("resource.sourceDisk", reference, "The URL is malformed."))?;
    snapshots::insert(&call.engine, tx, key, &disk, snapshot)
}

fn refers(_: &Connection, call: &Call, own: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    needs.field("compute.disks.createSnapshot", &body["sourceDisk"]);
    needs.given("compute.snapshots.setLabels", own, &body["labels"]);
    needs.all
}

fn delete(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    snapshots::delete(&call.engine, tx, key)
}
