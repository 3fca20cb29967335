//! VM instances.

mod change;
mod disks;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::collections::{aggregated_list_of, list_of};
use super::labels::set_labels_of;
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::{Body, flag};
use crate::engine::records::get;
use crate::engine::{Engine, Stop, instances, templates, work};
use crate::error::Error;
use crate::key::Kind;

pub fn router() -> Router<Arc<Engine>> {
    let path = |verb: &str| format!("/zones/{{zone}}/instances/{{name}}{verb}");
    Router::new()
        .route("/aggregated/instances", aggregated_list_of(Kind::Instance))
        .route(
            "/zones/{zone}/instances",
            list_of(Kind::Instance).merge(post(insert)),
        )
        .route(&path(""), get_of(Kind::Instance).merge(http_delete(delete)))
        .route(&path("/start"), post(start))
        .route(&path("/stop"), post(stop))
        .route(&path("/reset"), post(reset))
        .route(&path("/setLabels"), set_labels_of(Kind::Instance))
        .route(&path("/suspend"), post(refuse_suspend))
        .route(&path("/resume"), post(refuse_suspend))
        .merge(change::router())
        .merge(disks::router())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InsertQuery {
    source_instance_template: Option<String>,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Query(query): Query<InsertQuery>,
    Body(request): Body<Map<String, Value>>,
) -> Answer {
    let name = request.get("name").and_then(Value::as_str);
    let key = place.new_key(Kind::Instance, name.unwrap_or_default())?;
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            let template = query.source_instance_template.as_deref();
            let request = templates::apply(tx, &key, template, request)?;
            let disks = instances::create(tx, &key, request)?;
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move { engine.build(&key, &disks).await })
        })
        .map(Json)
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
            engine.start_instance(tx, &key)
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
            engine.stop_instance(tx, &key, query.how())
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
            engine.reset_instance(tx, &key)
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
            engine.discard_instance(tx, &key, query.how())
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
