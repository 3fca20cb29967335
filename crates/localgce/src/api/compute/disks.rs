//! Persistent disks.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::collections::{aggregated_list_of, list_of};
use super::labels::set_labels_of;
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use super::{images, resource_policies, snapshots};
use crate::api::body::{Body, EncryptionKey, Int64};
use crate::engine::labels::{self, Labels};
use crate::engine::records::{check_new, get, new_body};
use crate::engine::{Engine, work};
use crate::error::Error;
use crate::key::{Key, Kind, last, relative, zone_link};
use crate::store::resources;

/// Google's default of an empty disk, in GB.
const DEFAULT_SIZE: u64 = 500;

/// Google's limit, in GB.
const LARGEST: u64 = 65536;

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

/// A disk that is to be.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disk {
    #[serde(default)]
    pub name: String,
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
            create(tx, &key, request, None)?;
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move {
                let made = engine.make_disk(&key).await;
                if made.is_err() {
                    engine.remove_disk(&key)?;
                }
                made
            })
        })
        .map(Json)
}

/// Writes down a disk, whose file is still to be made.
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
        (Some(image), None) => (Some(images::usable(tx, key, image)?), None),
        (None, Some(snapshot)) => (None, Some(snapshots::usable(tx, key, snapshot)?)),
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

/// A disk that nobody uses.
pub fn free(tx: &Connection, key: &Key) -> Result<Value, Error> {
    let disk = get(tx, key)?;
    match disk["users"].get(0).and_then(Value::as_str) {
        Some(user) => Err(Error::in_use(&key.path(), relative(user))),
        None => Ok(disk),
    }
}

fn check_size(size_gb: u64) -> Result<(), Error> {
    if (1..=LARGEST).contains(&size_gb) {
        return Ok(());
    }
    let why = format!("Disk size must be between 1 and {LARGEST} GB.");
    Err(Error::field("resource.sizeGb", &size_gb.to_string(), &why))
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::Disk)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            let disk = free(tx, &key)?;
            if disk["status"] == "CREATING" {
                return Err(Error::not_ready(&key.path(), "it is being made"));
            }
            resources::update(tx, &key, |disk| disk["status"] = "DELETING".into())?;
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move { engine.remove_disk(&key) })
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
    let size = request.size_gb.0;
    check_size(size)?;
    engine
        .mutate(&request_id.mutation("resize", &key), |tx| {
            let disk = get(tx, &key)?;
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
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move { engine.grow_disk(&key, size).await })
        })
        .map(Json)
}

/// Refuses a disk that a running machine writes to, of which Google makes no image either.
pub fn refuse_while_running(tx: &Connection, key: &Key, disk: &Value) -> Result<(), Error> {
    if disk["status"] != "READY" {
        return Err(Error::not_ready(&key.path(), "it is not READY"));
    }
    for user in disk["users"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        let Some(instance) = key.resolve(Kind::Instance, user) else {
            continue;
        };
        if resources::get(tx, &instance)?.is_some_and(|i| i["status"] != "TERMINATED") {
            return Err(Error::in_use(&key.path(), &instance.path()));
        }
    }
    Ok(())
}
