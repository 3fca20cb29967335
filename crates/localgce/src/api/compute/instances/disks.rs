//! Disks of instances.

use rusqlite::Connection;
use serde::Deserialize;

use super::refers;
use crate::api::body::flag;
use crate::api::call::{Call, Nothing};
use crate::api::compute::handlers::mutate;
use crate::api::method::{self, Method};
use crate::engine::instances::{self, AttachedDisk};
use crate::engine::{Work, nothing};
use crate::error::Error;
use crate::key::{Key, Kind};

/// The methods of an instance's disks.
pub fn methods() -> Vec<Method> {
    vec![
        method::post(
            "compute.instances.attachDisk",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/attachDisk",
        )
        .needs(
            "compute.instances.attachDisk",
            mutate("attachDisk", Kind::Instance, attach),
        )
        .refers(refers::attached_disk),
        method::post(
            "compute.instances.detachDisk",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/detachDisk",
        )
        .needs(
            "compute.instances.detachDisk",
            mutate("detachDisk", Kind::Instance, detach),
        ),
        method::post(
            "compute.instances.setDiskAutoDelete",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/setDiskAutoDelete",
        )
        .needs(
            "compute.instances.setDiskAutoDelete",
            mutate("setDiskAutoDelete", Kind::Instance, set_auto_delete),
        ),
    ]
}

fn attach(_: &Call, tx: &Connection, key: &Key, attached: AttachedDisk) -> Result<Work, Error> {
    instances::attach(tx, key, attached)?;
    nothing()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DetachQuery {
    device_name: String,
}

fn detach(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    let query: DetachQuery = call.query()?;
    instances::detach(tx, key, &query.device_name)?;
    nothing()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AutoDeleteQuery {
    #[serde(deserialize_with = "flag")]
    auto_delete: bool,
    device_name: String,
}

fn set_auto_delete(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    let query: AutoDeleteQuery = call.query()?;
    instances::set_auto_delete(tx, key, &query.device_name, query.auto_delete)?;
    nothing()
}
