//! Disks of instances.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;

use super::insert;
use super::request::AttachedDisk;
use crate::api::body::{Body, flag};
use crate::api::compute::place::{Answer, Place, RequestId};
use crate::engine::records::get;
use crate::engine::{Engine, nothing, release, source};
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::resources;

pub fn router() -> Router<Arc<Engine>> {
    let path = |verb: &str| format!("/zones/{{zone}}/instances/{{name}}/{verb}");
    Router::new()
        .route(&path("attachDisk"), post(attach_disk))
        .route(&path("detachDisk"), post(detach_disk))
        .route(&path("setDiskAutoDelete"), post(set_auto_delete))
}

async fn attach_disk(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(attached): Body<AttachedDisk>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation("attachDisk", &key), |tx| {
            let instance = get(tx, &key)?;
            refuse_unless_stopped(&key, &instance)?;
            let mut disks = instance["disks"].as_array().cloned().unwrap_or_default();
            let body = insert::attach(tx, &key, attached, disks.len())?;
            if disks
                .iter()
                .any(|disk| disk["deviceName"] == body["deviceName"])
            {
                let name = body["deviceName"].as_str().unwrap_or_default();
                return Err(Error::field(
                    "deviceName",
                    name,
                    "Device name is already in use.",
                ));
            }
            disks.push(body);
            resources::update(tx, &key, |instance| instance["disks"] = disks.into())?;
            nothing()
        })
        .map(Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DetachQuery {
    device_name: String,
}

async fn detach_disk(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Query(DetachQuery { device_name }): Query<DetachQuery>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation("detachDisk", &key), |tx| {
            let instance = get(tx, &key)?;
            refuse_unless_stopped(&key, &instance)?;
            let mut disks = instance["disks"].as_array().cloned().unwrap_or_default();
            let index = disks
                .iter()
                .position(|disk| disk["deviceName"] == *device_name)
                .ok_or_else(|| no_such_device(&device_name))?;
            if let Some(disk) = source(&key, &disks.remove(index)) {
                release(tx, &disk)?;
            }
            for (index, disk) in disks.iter_mut().enumerate() {
                disk["index"] = index.into();
            }
            resources::update(tx, &key, |instance| instance["disks"] = disks.into())?;
            nothing()
        })
        .map(Json)
}

/// QEMU could plug disks into running machines; this engine does not.
pub fn refuse_unless_stopped(key: &Key, instance: &Value) -> Result<(), Error> {
    if instance["status"] == "TERMINATED" {
        return Ok(());
    }
    Err(Error::not_ready(
        &key.path(),
        "this engine changes the hardware of stopped instances only; stop it first",
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AutoDeleteQuery {
    #[serde(deserialize_with = "flag")]
    auto_delete: bool,
    device_name: String,
}

async fn set_auto_delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Query(query): Query<AutoDeleteQuery>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation("setDiskAutoDelete", &key), |tx| {
            let instance = get(tx, &key)?;
            let mut disks = instance["disks"].as_array().into_iter().flatten();
            let index = disks
                .position(|disk| disk["deviceName"] == *query.device_name)
                .ok_or_else(|| no_such_device(&query.device_name))?;
            resources::update(tx, &key, |instance| {
                instance["disks"][index]["autoDelete"] = query.auto_delete.into();
            })?;
            nothing()
        })
        .map(Json)
}

fn no_such_device(name: &str) -> Error {
    Error::field("deviceName", name, "No attached disk found.")
}
