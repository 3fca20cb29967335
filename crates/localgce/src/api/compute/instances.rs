//! VM instances.

mod change;
mod disks;
mod insert;
mod metadata;
mod request;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::collections::{aggregated_list_of, list_of};
use super::labels::set_labels_of;
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::flag;
use crate::engine::records::{fingerprint, get};
use crate::engine::{Engine, Stop, nothing, work};
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::resources;
pub use insert::{build, check_properties, write_down};
use request::Tags;

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
        .route(&path("/setLabels"), set_labels_of(Kind::Instance))
        .route(&path("/suspend"), post(refuse_suspend))
        .route(&path("/resume"), post(refuse_suspend))
        .merge(change::router())
        .merge(disks::router())
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
            work(async move { engine.delete_instance(&key, query.how()).await })
        })
        .map(Json)
}

async fn refuse_suspend(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
) -> Result<(), Error> {
    let key = place.key(Kind::Instance)?;
    engine.store.transaction(|tx| get(tx, &key))?;
    Err(Error::invalid(format!(
        "The instance '{}' cannot be suspended or resumed: this engine does neither; stop it instead.",
        key.name
    )))
}

fn tags_body(tags: &Tags) -> Value {
    let items = json!(tags.items);
    let mut body = json!({"fingerprint": fingerprint(&items)});
    if !tags.items.is_empty() {
        body["items"] = items;
    }
    body
}

fn busy(key: &Key, instance: &Value) -> Error {
    let status = instance["status"].as_str().unwrap_or_default();
    Error::not_ready(&key.path(), &format!("it is {status}"))
}
