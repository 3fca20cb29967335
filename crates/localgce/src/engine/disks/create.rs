//! Creating, growing and deleting disks.

// The fields have Google's names.
#![allow(clippy::struct_field_names)]

use std::sync::Arc;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::users::free;
use crate::engine::images::usable_image;
use crate::engine::labels::{self, Labels};
use crate::engine::records::{check_new, get, new_body};
use crate::engine::snapshots::usable_snapshot;
use crate::engine::{Engine, Work, resource_policies, work};
use crate::error::Error;
use crate::json::{EncryptionKey, Int64};
use crate::key::{Key, last, zone_link};
use crate::store::resources;

/// Google's default size of an empty disk, in GB.
const DEFAULT_SIZE: u64 = 500;

/// Google's largest disk, in GB.
const LARGEST: u64 = 65536;

/// A request for a new disk.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disk {
    // Already read, as part of the key.
    #[serde(default, rename = "name")]
    pub _name: String,
    pub description: Option<String>,
    pub size_gb: Option<Int64>,
    #[serde(rename = "type")]
    pub disk_type: Option<String>,
    pub source_image: Option<String>,
    pub source_snapshot: Option<String>,
    pub disk_encryption_key: Option<EncryptionKey>,
    pub labels: Option<Labels>,
    pub physical_block_size_bytes: Option<Int64>,
    pub resource_policies: Option<Vec<String>>,
}

/// Records a disk and makes its file. If that fails, the record is removed.
pub fn insert(
    engine: &Arc<Engine>,
    tx: &Connection,
    key: &Key,
    request: Disk,
) -> Result<Work, Error> {
    create(tx, key, request, None)?;
    let (engine, key) = (Arc::clone(engine), key.clone());
    work(async move {
        let made = engine.make_disk(&key).await;
        if made.is_err() {
            engine.remove_disk(&key)?;
        }
        made
    })
}

/// Records a disk whose file has yet to be made.
pub fn create(
    tx: &Connection,
    key: &Key,
    request: Disk,
    user: Option<&Key>,
) -> Result<Value, Error> {
    check_new(tx, key)?;
    labels::check(request.labels.as_ref())?;
    let (image, snapshot) = match (&request.source_image, &request.source_snapshot) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "At most one of fields sourceImage and sourceSnapshot can be specified.",
            ));
        }
        (Some(image), None) => (Some(usable_image(tx, key, image)?), None),
        (None, Some(snapshot)) => (None, Some(usable_snapshot(tx, key, snapshot)?)),
        (None, None) => (None, None),
    };
    let source = image.as_ref().or(snapshot.as_ref());
    let inherited = |field: &str| source.map(|source| source[field].clone());
    let smallest: u64 = inherited("diskSizeGb")
        .and_then(|size| size.as_str()?.parse().ok())
        .unwrap_or_default();
    let default = if source.is_some() {
        smallest
    } else {
        DEFAULT_SIZE
    };
    let size = request.size_gb.map_or(default, |size| size.0);
    if size < smallest {
        return Err(Error::field(
            "resource.sizeGb",
            &size.to_string(),
            &format!(
                "Requested disk size cannot be smaller than the {} size ({smallest} GB)",
                if image.is_some() { "image" } else { "snapshot" }
            ),
        ));
    }
    check_size(size)?;
    let zone = key.zone().unwrap_or_default();
    let disk_type = last(request.disk_type.as_deref().unwrap_or("pd-standard"));
    let mut body = new_body(
        key,
        json!({
            "description": request.description,
            "sizeGb": size.to_string(),
            "status": "CREATING",
            "type": format!("{}/diskTypes/{disk_type}", zone_link(&key.project, zone)),
            "physicalBlockSizeBytes": request.physical_block_size_bytes.unwrap_or(Int64(4096)),
            "resourcePolicies":
                resource_policies::find(tx, key, request.resource_policies.as_deref())?,
            "sourceImage": image.as_ref().map(|image| &image["selfLink"]),
            "sourceImageId": image.as_ref().map(|image| &image["id"]),
            "sourceSnapshot": snapshot.as_ref().map(|snapshot| &snapshot["selfLink"]),
            "sourceSnapshotId": snapshot.as_ref().map(|snapshot| &snapshot["id"]),
            "diskEncryptionKey": request.disk_encryption_key,
            "guestOsFeatures": inherited("guestOsFeatures"),
            "architecture": inherited("architecture"),
            "licenses": inherited("licenses"),
            "users": user.map(|user| [user.link()]),
        }),
    );
    labels::set(&mut body, &request.labels.unwrap_or_default());
    resources::insert(tx, key, &body)?;
    Ok(body)
}

fn check_size(size_gb: u64) -> Result<(), Error> {
    if (1..=LARGEST).contains(&size_gb) {
        return Ok(());
    }
    let why = format!("Disk size must be between 1 and {LARGEST} GB.");
    Err(Error::field("resource.sizeGb", &size_gb.to_string(), &why))
}

/// Grows a disk.
pub fn resize(engine: &Arc<Engine>, tx: &Connection, key: &Key, size: u64) -> Result<Work, Error> {
    check_size(size)?;
    let disk = get(tx, key)?;
    let present: u64 = disk["sizeGb"]
        .as_str()
        .unwrap_or_default()
        .parse()
        .unwrap_or(0);
    if size <= present {
        return Err(Error::field(
            "sizeGb",
            &size.to_string(),
            &format!("New disk size must be larger than the current size ({present} GB)."),
        ));
    }
    if disk["status"] != "READY" {
        return Err(Error::not_ready(&key.path(), "it is not READY"));
    }
    let (engine, key) = (Arc::clone(engine), key.clone());
    work(async move { engine.grow_disk(&key, size).await })
}

/// Deletes a disk that no instance uses.
pub fn delete(engine: &Arc<Engine>, tx: &Connection, key: &Key) -> Result<Work, Error> {
    let disk = free(tx, key)?;
    if disk["status"] == "CREATING" {
        return Err(Error::not_ready(&key.path(), "it is being made"));
    }
    resources::update(tx, key, |disk| disk["status"] = "DELETING".into())?;
    let (engine, key) = (Arc::clone(engine), key.clone());
    work(async move { engine.remove_disk(&key) })
}
