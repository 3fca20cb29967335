//! Snapshots of disks.

// The fields have Google's names.
#![allow(clippy::struct_field_names)]

use std::sync::Arc;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::labels::{self, Labels};
use super::records::{check_new, get, new_body};
use super::sweep::delete_made;
use super::{Engine, Work, work};
use crate::catalog::REGION;
use crate::error::Error;
use crate::json::{EncryptionKey, Int64};
use crate::key::{Key, Kind, Scope};
use crate::store::resources;

/// A request for a new snapshot.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    #[serde(default)]
    pub name: String,
    description: Option<String>,
    labels: Option<Labels>,
    pub source_disk: Option<String>,
    storage_locations: Option<Vec<String>>,
    snapshot_type: Option<SnapshotType>,
    snapshot_encryption_key: Option<EncryptionKey>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SnapshotType {
    Standard,
    Archive,
}

/// Records a snapshot of a disk and makes its file.
pub fn insert(
    engine: &Arc<Engine>,
    tx: &Connection,
    key: &Key,
    disk: &Key,
    snapshot: Snapshot,
) -> Result<Work, Error> {
    labels::check(snapshot.labels.as_ref())?;
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
}

/// Makes the snapshot's file. If that fails, the snapshot is marked FAILED.
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

/// The snapshot at `reference`, if a disk may be made from it.
pub fn usable_snapshot(tx: &Connection, disk: &Key, reference: &str) -> Result<Value, Error> {
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

/// Deletes a snapshot.
pub fn delete(engine: &Arc<Engine>, tx: &Connection, key: &Key) -> Result<Work, Error> {
    delete_made(engine, tx, key, "CREATING")
}
