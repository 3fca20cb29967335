//! VM instances.

mod change;
mod disks;
mod refers;

pub use refers::accounts;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::handlers::{aggregated_list, get, list, mutate, set_labels};
use crate::api::body::flag;
use crate::api::call::{Call, Nothing};
use crate::api::handler::plain;
use crate::api::method::{self, Method};
use crate::engine::{Stop, Work, instances, records, templates, work};
use crate::error::Error;
use crate::key::{Key, Kind};

/// The methods of instances.
pub fn methods() -> Vec<Method> {
    let mut methods = vec![
        method::get(
            "compute.instances.aggregatedList",
            "compute/v1/projects/{project}/aggregated/instances",
        )
        .needs("compute.instances.list", aggregated_list(Kind::Instance)),
        method::get(
            "compute.instances.list",
            "compute/v1/projects/{project}/zones/{zone}/instances",
        )
        .needs("compute.instances.list", list(Kind::Instance)),
        method::post(
            "compute.instances.insert",
            "compute/v1/projects/{project}/zones/{zone}/instances",
        )
        .needs(
            "compute.instances.create",
            mutate("insert", Kind::Instance, create),
        )
        .refers(refers::new_instance),
        method::get(
            "compute.instances.get",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}",
        )
        .needs("compute.instances.get", get(Kind::Instance)),
        method::delete(
            "compute.instances.delete",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}",
        )
        .needs(
            "compute.instances.delete",
            mutate("delete", Kind::Instance, delete),
        ),
        method::post(
            "compute.instances.start",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/start",
        )
        .needs(
            "compute.instances.start",
            mutate("start", Kind::Instance, start),
        ),
        method::post(
            "compute.instances.stop",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/stop",
        )
        .needs(
            "compute.instances.stop",
            mutate("stop", Kind::Instance, stop),
        ),
        method::post(
            "compute.instances.reset",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/reset",
        )
        .needs(
            "compute.instances.reset",
            mutate("reset", Kind::Instance, reset),
        ),
        method::post(
            "compute.instances.suspend",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/suspend",
        )
        .needs("compute.instances.suspend", plain(refuse_suspend)),
        method::post(
            "compute.instances.resume",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/resume",
        )
        .needs("compute.instances.resume", plain(refuse_suspend)),
        method::post(
            "compute.instances.setLabels",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/setLabels",
        )
        .needs("compute.instances.setLabels", set_labels(Kind::Instance)),
    ];
    methods.extend(change::methods());
    methods.extend(disks::methods());
    methods
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InsertQuery {
    source_instance_template: Option<String>,
}

fn create(
    call: &Call,
    tx: &Connection,
    key: &Key,
    request: Map<String, Value>,
) -> Result<Work, Error> {
    let query: InsertQuery = call.query()?;
    let template = query.source_instance_template.as_deref();
    let request = templates::apply(tx, key, template, request)?;
    let disks = instances::create(tx, key, request)?;
    let (engine, key) = (call.engine.clone(), key.clone());
    work(async move { engine.build(&key, &disks).await })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopQuery {
    #[serde(default, deserialize_with = "flag")]
    no_graceful_shutdown: bool,
}

impl StopQuery {
    fn how(&self) -> Stop {
        if self.no_graceful_shutdown {
            Stop::Now
        } else {
            Stop::Gracefully
        }
    }
}

fn start(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    call.engine.start_instance(tx, key)
}

fn stop(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    let query: StopQuery = call.query()?;
    call.engine.stop_instance(tx, key, query.how())
}

fn reset(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    call.engine.reset_instance(tx, key)
}

fn delete(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    let query: StopQuery = call.query()?;
    call.engine.discard_instance(tx, key, query.how())
}

fn refuse_suspend(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let key = call.key(Kind::Instance)?;
    records::get(tx, &key)?;
    Err(Error::invalid(format!(
        "The instance '{}' cannot be suspended or resumed: this engine does neither; stop it instead.",
        key.name
    )))
}
