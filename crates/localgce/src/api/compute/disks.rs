//! Persistent disks.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::collections::{aggregated_list_of, list_of};
use super::labels::set_labels_of;
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::{Body, Int64};
use crate::engine::Engine;
use crate::engine::disks::{self, Disk};
use crate::key::Kind;

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/aggregated/disks", aggregated_list_of(Kind::Disk))
        .route(
            "/zones/{zone}/disks",
            list_of(Kind::Disk).merge(post(insert)),
        )
        .route(
            "/zones/{zone}/disks/{name}",
            get_of(Kind::Disk).merge(http_delete(delete)),
        )
        .route("/zones/{zone}/disks/{name}/resize", post(resize))
        .route(
            "/zones/{zone}/disks/{name}/setLabels",
            set_labels_of(Kind::Disk),
        )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InsertQuery {
    source_image: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResizeRequest {
    size_gb: Int64,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Query(query): Query<InsertQuery>,
    Body(mut request): Body<Disk>,
) -> Answer {
    let key = place.new_key(Kind::Disk, &request.name)?;
    request.source_image = request.source_image.or(query.source_image);
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            disks::insert(&engine, tx, &key, request)
        })
        .map(Json)
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::Disk)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            disks::delete(&engine, tx, &key)
        })
        .map(Json)
}

async fn resize(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<ResizeRequest>,
) -> Answer {
    let key = place.key(Kind::Disk)?;
    engine
        .mutate(&request_id.mutation("resize", &key), |tx| {
            disks::resize(&engine, tx, &key, request.size_gb.0)
        })
        .map(Json)
}
