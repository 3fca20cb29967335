//! Images and their families.

mod public;
mod published;
mod source;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::middleware::from_fn;
use axum::routing::{get as http_get, post};
use axum::{Json, Router};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::collections::list_of;
use super::labels::set_labels_of;
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::{Body, EncryptionKey, Int64, prune};
use crate::engine::labels::{self, Labels};
use crate::engine::records::{check_name, check_new, get, new_body};
use crate::engine::{Engine, nothing, work};
use crate::error::Error;
use crate::key::{Key, Kind, Scope, relative};
use crate::store::resources;

pub use published::publish;
pub use source::bucket_and_object;

pub fn router() -> Router<Arc<Engine>> {
    let images = list_of(Kind::Image).merge(post(insert));
    let images = images.layer(from_fn(public::empty));
    let image = get_of(Kind::Image).patch(patch).delete(delete);
    Router::new()
        .route("/global/images", images)
        .route("/global/images/{name}", image)
        .route("/global/images/family/{name}", http_get(get_from_family))
        .route("/global/images/{name}/deprecate", post(deprecate))
        .route(
            "/global/images/{name}/setLabels",
            set_labels_of(Kind::Image),
        )
        .route(
            "/zones/{zone}/imageFamilyViews/{name}",
            http_get(family_view),
        )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Image {
    #[serde(default)]
    name: String,
    description: Option<String>,
    family: Option<String>,
    labels: Option<Labels>,
    raw_disk: Option<RawDisk>,
    source_disk: Option<String>,
    source_image: Option<String>,
    source_type: Option<String>,
    guest_os_features: Option<Vec<GuestOsFeature>>,
    architecture: Option<String>,
    licenses: Option<Vec<String>>,
    storage_locations: Option<Vec<String>>,
    image_encryption_key: Option<EncryptionKey>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawDisk {
    #[serde(skip_serializing)]
    source: String,
    container_type: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct GuestOsFeature {
    #[serde(rename = "type")]
    feature: String,
}

/// What can be changed of an image.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Patch {
    family: Option<String>,
    description: Option<String>,
    deprecated: Option<DeprecationStatus>,
    labels: Option<Labels>,
    label_fingerprint: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DeprecationStatus {
    state: Option<Deprecation>,
    replacement: Option<String>,
    deprecated: Option<String>,
    obsolete: Option<String>,
    deleted: Option<String>,
}

#[derive(Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Deprecation {
    Active,
    Deprecated,
    Obsolete,
    Deleted,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(image): Body<Image>,
) -> Answer {
    let key = place.new_key(Kind::Image, &image.name)?;
    check_family(image.family.as_deref())?;
    labels::check(image.labels.as_ref())?;
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            check_new(tx, &key)?;
            let source = source::find(&engine, tx, &key, &image)?;
            let mut body = new_body(
                &key,
                json!({
                    "description": image.description,
                    "family": image.family,
                    "sourceType": "RAW",
                    "rawDisk": image.raw_disk,
                    "status": "PENDING",
                    "diskSizeGb": source.size_gb(),
                    "archiveSizeBytes": source.archive_size(),
                    "guestOsFeatures": source.features(image.guest_os_features.as_deref()),
                    "architecture": image.architecture.as_deref().unwrap_or("X86_64"),
                    "licenses": image.licenses,
                    "imageEncryptionKey": image.image_encryption_key,
                    "storageLocations": image.storage_locations.as_deref().unwrap_or(&["us".into()]),
                }),
            );
            source.describe(&mut body);
            labels::set(&mut body, &image.labels.unwrap_or_default());
            resources::insert(tx, &key, &body)?;
            Ok(source::make(&engine, &key, &body, source))
        })
        .map(Json)
}

async fn get_from_family(State(engine): State<Arc<Engine>>, Path(place): Path<Place>) -> Answer {
    let key = place.key(Kind::Image)?;
    engine.store.transaction(|tx| newest(tx, &key)).map(Json)
}

async fn family_view(State(engine): State<Arc<Engine>>, Path(place): Path<Place>) -> Answer {
    let key = Key {
        scope: Scope::Global,
        ..place.key(Kind::Image)?
    };
    let image = engine.store.transaction(|tx| newest(tx, &key))?;
    Ok(Json(json!({"image": image})))
}

/// The newest image of the family that `key` names which is ready and not deprecated.
fn newest(tx: &Connection, key: &Key) -> Result<Value, Error> {
    let active = |image: &Value| matches!(state(image), None | Some("ACTIVE"));
    resources::newest_first(tx, &key.project, &Scope::Global, Kind::Image)?
        .into_iter()
        .find(|i| i["family"] == key.name && i["status"] == "READY" && active(i))
        .ok_or_else(|| {
            Error::not_found(&format!(
                "projects/{}/global/images/family/{}",
                key.project, key.name
            ))
        })
}

fn state(image: &Value) -> Option<&str> {
    image["deprecated"]["state"].as_str()
}

/// The image that a disk asks for by name, link or family, if a disk may be made of it.
pub fn usable(tx: &Connection, disk: &Key, reference: &str) -> Result<Value, Error> {
    let place = disk.cousin(Scope::Global, Kind::Image, "");
    let path = relative(reference);
    let image = if let Some(family) = family(&place, path) {
        newest(tx, &family)?
    } else {
        let malformed = || Error::field("sourceImage", reference, "The URL is malformed.");
        get(tx, &place.resolve(Kind::Image, path).ok_or_else(malformed)?)?
    };
    let name = relative(image["selfLink"].as_str().unwrap_or_default());
    if image["status"] != "READY" {
        return Err(Error::not_ready(name, "it is not READY"));
    }
    match state(&image) {
        Some(state @ ("OBSOLETE" | "DELETED")) => Err(Error::field(
            "sourceImage",
            name,
            &format!("The image is {state}."),
        )),
        _ => Ok(image),
    }
}

/// `[projects/P/]global/images/family/F`, `[projects/P/]zones/Z/imageFamilyViews/F`, `family/F`.
fn family(place: &Key, path: &str) -> Option<Key> {
    let parts: Vec<_> = path.split('/').collect();
    let (project, rest) = match parts.as_slice() {
        ["projects", project, rest @ ..] => (*project, rest),
        rest => (place.project.as_str(), rest),
    };
    match rest {
        ["global", "images", "family", name]
        | ["zones", _, "imageFamilyViews", name]
        | ["family", name] => {
            let project = crate::catalog::project(project)?.id.to_owned();
            Some(Key {
                project,
                ..place.sibling(Kind::Image, name)
            })
        }
        _ => None,
    }
}

async fn patch(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Patch>,
) -> Answer {
    let key = place.key(Kind::Image)?;
    check_family(request.family.as_deref())?;
    labels::check(request.labels.as_ref())?;
    engine
        .mutate(&request_id.mutation("patch", &key), |tx| {
            let image = get(tx, &key)?;
            if request.labels.is_some()
                && image["labelFingerprint"] != json!(request.label_fingerprint)
            {
                return Err(Error::fingerprint("labels"));
            }
            resources::update(tx, &key, |image| {
                for (field, text) in [
                    ("family", request.family),
                    ("description", request.description),
                ] {
                    if let Some(text) = text {
                        image[field] = text.into();
                    }
                }
                if let Some(new) = &request.labels {
                    labels::set(image, new);
                }
                if let Some(status) = request.deprecated {
                    set_deprecated(image, &status);
                }
            })?;
            nothing()
        })
        .map(Json)
}

async fn deprecate(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(status): Body<DeprecationStatus>,
) -> Answer {
    let key = place.key(Kind::Image)?;
    engine
        .mutate(&request_id.mutation("deprecate", &key), |tx| {
            get(tx, &key)?;
            resources::update(tx, &key, |image| set_deprecated(image, &status))?;
            nothing()
        })
        .map(Json)
}

fn set_deprecated(image: &mut Value, status: &DeprecationStatus) {
    if matches!(status.state, None | Some(Deprecation::Active)) {
        if let Some(fields) = image.as_object_mut() {
            fields.shift_remove("deprecated");
        }
    } else {
        image["deprecated"] = prune(json!(status));
    }
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::Image)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            if get(tx, &key)?["status"] == "PENDING" {
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

fn check_family(family: Option<&str>) -> Result<(), Error> {
    // An empty one takes the image out of its family.
    family
        .filter(|family| !family.is_empty())
        .map_or(Ok(()), |family| check_name("resource.family", family))
}
