//! Creating, changing and deleting images.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::request::{Deprecation, DeprecationStatus, Image, Patch};
use super::source;
use crate::engine::records::{check_name, check_new, get, new_body};
use crate::engine::sweep::delete_made;
use crate::engine::{Engine, Work, labels, nothing};
use crate::error::Error;
use crate::json::prune;
use crate::key::Key;
use crate::store::resources;

/// Records an image and makes its file.
pub fn insert(
    engine: &Arc<Engine>,
    tx: &Connection,
    key: &Key,
    image: Image,
) -> Result<Work, Error> {
    check_family(image.family.as_deref())?;
    labels::check(image.labels.as_ref())?;
    check_new(tx, key)?;
    let source = source::find(engine, tx, key, &image)?;
    let mut body = new_body(
        key,
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
    resources::insert(tx, key, &body)?;
    Ok(source::make(engine, key, &body, source))
}

/// Changes the given fields.
pub fn patch(tx: &Connection, key: &Key, request: Patch) -> Result<Work, Error> {
    check_family(request.family.as_deref())?;
    labels::check(request.labels.as_ref())?;
    let image = get(tx, key)?;
    if request.labels.is_some() && image["labelFingerprint"] != json!(request.label_fingerprint) {
        return Err(Error::fingerprint("labels"));
    }
    resources::update(tx, key, |image| {
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
}

/// Sets or clears an image's deprecation status.
pub fn deprecate(tx: &Connection, key: &Key, status: &DeprecationStatus) -> Result<Work, Error> {
    get(tx, key)?;
    resources::update(tx, key, |image| set_deprecated(image, status))?;
    nothing()
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

/// Deletes an image.
pub fn delete(engine: &Arc<Engine>, tx: &Connection, key: &Key) -> Result<Work, Error> {
    delete_made(engine, tx, key, "PENDING")
}

fn check_family(family: Option<&str>) -> Result<(), Error> {
    // An empty name removes the image from its family.
    family
        .filter(|family| !family.is_empty())
        .map_or(Ok(()), |family| check_name("resource.family", family))
}
