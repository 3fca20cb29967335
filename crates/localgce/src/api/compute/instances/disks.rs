//! Disks of instances.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;

use crate::api::body::{Body, flag};
use crate::api::compute::place::{Answer, Place, RequestId};
use crate::engine::instances::{self, AttachedDisk};
use crate::engine::{Engine, nothing};
use crate::key::Kind;

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
            instances::attach(tx, &key, attached)?;
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
            instances::detach(tx, &key, &device_name)?;
            nothing()
        })
        .map(Json)
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
            instances::set_auto_delete(tx, &key, &query.device_name, query.auto_delete)?;
            nothing()
        })
        .map(Json)
}
