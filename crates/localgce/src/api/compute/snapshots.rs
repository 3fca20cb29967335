//! Snapshots of disks.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::collections::list_of;
use super::labels::set_labels_of;
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::{Body, EncryptionKey, Int64};
use crate::catalog::REGION;
use crate::engine::labels::{self, Labels};
use crate::engine::records::{check_new, get, new_body};
use crate::engine::{Engine, Mutation, work};
use crate::error::Error;
use crate::key::{Key, Kind, Scope};
use crate::store::resources;

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Snapshot {
    #[serde(default)]
    name: String,
    description: Option<String>,
    labels: Option<Labels>,
    source_disk: Option<String>,
    storage_locations: Option<Vec<String>>,
    snapshot_type: Option<SnapshotType>,
    snapshot_encryption_key: Option<EncryptionKey>,
}

#[derive(Deserialize, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SnapshotType {
    Standard,
    Archive,
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
    let mutation = request_id.mutation("insert", &key);
    create(&engine, &mutation, &key, &disk, snapshot)
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
    let mutation = request_id.mutation("createSnapshot", &disk);
    create(&engine, &mutation, &key, &disk, snapshot)
}

fn create(
    engine: &Arc<Engine>,
    mutation: &Mutation,
    key: &Key,
    disk: &Key,
    snapshot: Snapshot,
) -> Answer {
    labels::check(snapshot.labels.as_ref())?;
    let operation = engine.mutate(mutation, |tx| {
        let source = get(tx, disk)?;
        check_new(tx, key)?;
        if source["status"] != "READY" {
            return Err(Error::not_ready(&disk.path(), "it is not READY"));
        }
        let mut body = new_body(
            key,
            json!({
                "description": snapshot.description,
                "status": "CREATING",
                "sourceDisk": disk.link(),
                "sourceDiskId": source["id"],
                "diskSizeGb": source["sizeGb"],
                "guestOsFeatures": source["guestOsFeatures"],
                "architecture": source["architecture"],
                "licenses": source["licenses"],
                "snapshotType": snapshot.snapshot_type.unwrap_or(SnapshotType::Standard),
                "snapshotEncryptionKey": snapshot.snapshot_encryption_key,
                "storageLocations": snapshot.storage_locations.unwrap_or(vec![REGION.into()]),
            }),
        );
        labels::set(&mut body, &snapshot.labels.unwrap_or_default());
        resources::insert(tx, key, &body)?;
        let (engine, key, disk) = (Arc::clone(engine), key.clone(), disk.clone());
        work(async move { make(&engine, &key, &disk, &body).await })
    });
    operation.map(Json)
}

/// Makes the snapshot's file. A snapshot that cannot be made is FAILED.
async fn make(engine: &Engine, key: &Key, disk: &Key, body: &Value) -> anyhow::Result<()> {
    let file = engine.snapshot_file(body["id"].as_str().unwrap_or_default());
    let made = engine.copy_disk(disk, &file).await;
    let bytes = file.metadata().map_or(0, |file| file.len());
    engine.store.transaction(|tx| {
        resources::update(tx, key, |snapshot| {
            if made.is_err() {
                snapshot["status"] = "FAILED".into();
                return;
            }
            snapshot["status"] = "READY".into();
            for field in ["storageBytes", "downloadBytes", "creationSizeBytes"] {
                snapshot[field] = json!(Int64(bytes));
            }
            snapshot["storageBytesStatus"] = "UP_TO_DATE".into();
        })
    })?;
    made
}

/// The snapshot that a disk asks for, if a disk may be made of it.
pub fn usable(tx: &rusqlite::Connection, disk: &Key, reference: &str) -> Result<Value, Error> {
    let here = disk.cousin(Scope::Global, Kind::Snapshot, "");
    let key = here
        .resolve(Kind::Snapshot, reference)
        .ok_or_else(|| Error::field("sourceSnapshot", reference, "The URL is malformed."))?;
    let snapshot = get(tx, &key)?;
    if snapshot["status"] == "READY" {
        Ok(snapshot)
    } else {
        Err(Error::not_ready(&key.path(), "it is not READY"))
    }
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::Snapshot)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            if get(tx, &key)?["status"] == "CREATING" {
                return Err(Error::not_ready(&key.path(), "it is being made"));
            }
            resources::remove(tx, &key)?;
            let engine = Arc::clone(&engine);
            work(async move {
                engine.sweep();
                Ok(())
            })
        })
        .map(Json)
}
