//! VM instances.

mod insert;
mod metadata;
mod request;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::Body;
use super::{
    Answer, Error, Place, RequestId, aggregated_list_of, fingerprint, get, get_of, labels, list_of,
};
use crate::clock;
use crate::engine::{Engine, Stop, nothing, work};
use crate::key::{Key, Kind};
use crate::store::{guest_attributes, resources};
use request::{AttachedDisk, Tags};

pub fn router() -> Router<Arc<Engine>> {
    let path = |verb: &str| format!("/zones/{{zone}}/instances/{{name}}{verb}");
    Router::new()
        .route("/aggregated/instances", aggregated_list_of(Kind::Instance))
        .route(
            "/zones/{zone}/instances",
            list_of(Kind::Instance).merge(post(insert::insert)),
        )
        .route(&path(""), get_of(Kind::Instance).merge(http_delete(delete)))
        .route(&path("/start"), post(start))
        .route(&path("/stop"), post(stop))
        .route(&path("/reset"), post(reset))
        .route(&path("/setMetadata"), post(metadata::set_metadata))
        .route(&path("/setLabels"), labels::setter(Kind::Instance))
        .route(&path("/setTags"), post(set_tags))
        .route(&path("/attachDisk"), post(attach_disk))
        .route(&path("/detachDisk"), post(detach_disk))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopQuery {
    #[serde(default)]
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

async fn start(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation("start", &key), |tx| {
            let instance = get(tx, &key)?;
            match instance["status"].as_str() {
                Some("RUNNING") => nothing(),
                Some("TERMINATED") => {
                    resources::update(tx, &key, |instance| {
                        instance["status"] = "PROVISIONING".into();
                        if let Some(fields) = instance.as_object_mut() {
                            fields.shift_remove("statusMessage");
                        }
                    })?;
                    let (engine, key) = (Arc::clone(&engine), key.clone());
                    work(async move { engine.boot(&key).await })
                }
                _ => Err(busy(&key, &instance)),
            }
        })
        .map(Json)
}

async fn stop(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Query(query): Query<StopQuery>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation("stop", &key), |tx| {
            let instance = get(tx, &key)?;
            match instance["status"].as_str() {
                Some("TERMINATED") => nothing(),
                Some("RUNNING" | "STOPPING") => {
                    resources::update(tx, &key, |i| i["status"] = "STOPPING".into())?;
                    let (engine, key) = (Arc::clone(&engine), key.clone());
                    work(async move { engine.stop(&key, query.how()).await })
                }
                _ => Err(busy(&key, &instance)),
            }
        })
        .map(Json)
}

async fn reset(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation("reset", &key), |tx| {
            let instance = get(tx, &key)?;
            if instance["status"] != "RUNNING" {
                return Err(busy(&key, &instance));
            }
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move { engine.reset(&key).await })
        })
        .map(Json)
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Query(query): Query<StopQuery>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            let instance = get(tx, &key)?;
            if matches!(
                instance["status"].as_str(),
                Some("PROVISIONING" | "STAGING")
            ) {
                return Err(busy(&key, &instance));
            }
            resources::update(tx, &key, |i| i["status"] = "STOPPING".into())?;
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move {
                engine.stop(&key, query.how()).await?;
                remove(&engine, &key)
            })
        })
        .map(Json)
}

/// Removes a stopped instance, and those of its disks that go with it.
fn remove(engine: &Engine, key: &Key) -> anyhow::Result<()> {
    let mut doomed = Vec::new();
    engine.store.transaction(|tx| {
        let Some(instance) = resources::get(tx, key)? else {
            return Ok(());
        };
        for attached in instance["disks"].as_array().into_iter().flatten() {
            let Some(disk) = source(key, attached) else {
                continue;
            };
            release(tx, &disk)?;
            if attached["autoDelete"] == true {
                doomed.push(disk);
            }
        }
        let id = instance["id"].as_str().unwrap_or_default();
        guest_attributes::clear(tx, id)?;
        std::fs::remove_dir_all(engine.machine_dir(id)).ok();
        resources::remove(tx, key)
    })?;
    doomed.iter().try_for_each(|disk| engine.remove_disk(disk))
}

async fn set_tags(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(tags): Body<Tags>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation("setTags", &key), |tx| {
            let instance = get(tx, &key)?;
            if instance["tags"]["fingerprint"].as_str() != tags.fingerprint.as_deref() {
                return Err(Error::fingerprint("tags"));
            }
            resources::update(tx, &key, |instance| instance["tags"] = tags_body(&tags))?;
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move { engine.publish_metadata(&key) })
        })
        .map(Json)
}

fn tags_body(tags: &Tags) -> Value {
    let items = json!(tags.items);
    let mut body = json!({"fingerprint": fingerprint(&items)});
    if !tags.items.is_empty() {
        body["items"] = items;
    }
    body
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
                .ok_or_else(|| {
                    Error::field("deviceName", &device_name, "No attached disk found.")
                })?;
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

/// The disk that is attached.
fn source(instance: &Key, attached: &Value) -> Option<Key> {
    instance.resolve(Kind::Disk, attached["source"].as_str()?)
}

/// Frees a disk of its instance.
fn release(tx: &Connection, disk: &Key) -> rusqlite::Result<()> {
    resources::update(tx, disk, |disk| {
        if let Some(fields) = disk.as_object_mut() {
            fields.shift_remove("users");
        }
        disk["lastDetachTimestamp"] = clock::now().into();
    })
}

/// QEMU could plug disks into running machines; this engine does not.
fn refuse_unless_stopped(key: &Key, instance: &Value) -> Result<(), Error> {
    if instance["status"] == "TERMINATED" {
        return Ok(());
    }
    Err(Error::not_ready(
        &key.path(),
        "this engine attaches and detaches disks of stopped instances only; stop it first",
    ))
}

fn busy(key: &Key, instance: &Value) -> Error {
    let status = instance["status"].as_str().unwrap_or_default();
    Error::not_ready(&key.path(), &format!("it is {status}"))
}
