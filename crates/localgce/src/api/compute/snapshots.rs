//! Snapshots of disks.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};

use super::collections::list_of;
use super::labels::set_labels_of;
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::engine::Engine;
use crate::engine::snapshots::{self, Snapshot};
use crate::error::Error;
use crate::key::{Kind, Scope};

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route(
            "/global/snapshots",
            list_of(Kind::Snapshot).merge(post(insert)),
        )
        .route(
            "/global/snapshots/{name}",
            get_of(Kind::Snapshot).merge(http_delete(delete)),
        )
        .route(
            "/global/snapshots/{name}/setLabels",
            set_labels_of(Kind::Snapshot),
        )
        .route(
            "/zones/{zone}/disks/{name}/createSnapshot",
            post(create_snapshot),
        )
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(snapshot): Body<Snapshot>,
) -> Answer {
    let key = place.new_key(Kind::Snapshot, &snapshot.name)?;
    let reference = snapshot.source_disk.as_deref().unwrap_or_default();
    let disk = key
        .resolve(Kind::Disk, reference)
        .filter(|disk| disk.zone().is_some())
        .ok_or_else(|| Error::field("resource.sourceDisk", reference, "The URL is malformed."))?;
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            snapshots::insert(&engine, tx, &key, &disk, snapshot)
        })
        .map(Json)
}

/// The operation is the disk's, in its zone.
async fn create_snapshot(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(snapshot): Body<Snapshot>,
) -> Answer {
    let disk = place.key(Kind::Disk)?;
    let key = disk.cousin(Scope::Global, Kind::Snapshot, &snapshot.name);
    engine
        .mutate(&request_id.mutation("createSnapshot", &disk), |tx| {
            snapshots::insert(&engine, tx, &key, &disk, snapshot)
        })
        .map(Json)
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::Snapshot)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            snapshots::delete(&engine, tx, &key)
        })
        .map(Json)
}
