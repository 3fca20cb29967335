//! What an image is made from: an archive in a bucket, a disk, another image.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::archive;
use super::find::usable_image;
use super::request::{GuestOsFeature, Image};
use crate::engine::disks::check_idle;
use crate::engine::records::get;
use crate::engine::{Engine, Failure, Work};
use crate::error::Error;
use crate::json::Int64;
use crate::key::{Key, Kind};
use crate::store::resources;
use crate::vm::disk;

/// What an image is made from.
pub enum Source {
    /// A gzip'd tar of `disk.raw`.
    Archive { file: PathBuf, bytes: u64 },
    /// A disk's body.
    Disk { body: Value, file: PathBuf },
    /// An image's body.
    Image { body: Value },
}

impl Source {
    /// The size, if it is known before the image is made.
    pub fn size_gb(&self) -> Option<Int64> {
        match self {
            Self::Archive { .. } => None,
            Self::Disk { body, .. } => int64(&body["sizeGb"]),
            Self::Image { body } => int64(&body["diskSizeGb"]),
        }
    }

    /// The size that Google charges for, if it is known before the image is made.
    pub fn archive_size(&self) -> Option<Int64> {
        match self {
            Self::Archive { bytes, .. } => Some(Int64(*bytes)),
            Self::Disk { .. } => None,
            Self::Image { body } => int64(&body["archiveSizeBytes"]),
        }
    }

    /// The request's features, or else the source's.
    pub fn features(&self, given: Option<&[GuestOsFeature]>) -> Value {
        match self {
            _ if given.is_some() => json!(given),
            Self::Archive { .. } => Value::Null,
            Self::Disk { body, .. } | Self::Image { body } => body["guestOsFeatures"].clone(),
        }
    }

    /// Records the source in the image.
    pub fn describe(&self, image: &mut Value) {
        let (link, id, body) = match self {
            Self::Archive { .. } => return,
            Self::Disk { body, .. } => ("sourceDisk", "sourceDiskId", body),
            Self::Image { body } => ("sourceImage", "sourceImageId", body),
        };
        image[link] = body["selfLink"].clone();
        image[id] = body["id"].clone();
    }
}

/// A number, which bodies hold as a string.
fn int64(value: &Value) -> Option<Int64> {
    value.as_str()?.parse().ok().map(Int64)
}

/// The source that a request names; exactly one is required.
pub fn find(engine: &Engine, tx: &Connection, key: &Key, request: &Image) -> Result<Source, Error> {
    if let Some(source_type) = request
        .source_type
        .as_deref()
        .filter(|source| *source != "RAW")
    {
        return Err(Error::field(
            "resource.sourceType",
            source_type,
            "Must be RAW.",
        ));
    }
    match (
        &request.raw_disk,
        &request.source_disk,
        &request.source_image,
    ) {
        (Some(archive), None, None) => {
            let object = archive::find(tx, &archive.source)?;
            let bytes = object.body["size"]
                .as_str()
                .and_then(|size| size.parse().ok());
            Ok(Source::Archive {
                file: engine.content_file(&object.file),
                bytes: bytes.unwrap_or_default(),
            })
        }
        (None, Some(reference), None) => {
            let disk = key
                .resolve(Kind::Disk, reference)
                .filter(|disk| disk.zone().is_some())
                .ok_or_else(|| {
                    Error::field("resource.sourceDisk", reference, "The URL is malformed.")
                })?;
            let body = get(tx, &disk)?;
            check_idle(tx, &disk, &body)?;
            let file = engine.disk_file(body["id"].as_str().unwrap_or_default());
            Ok(Source::Disk { body, file })
        }
        (None, None, Some(reference)) => {
            let body = usable_image(tx, key, reference)?;
            Ok(Source::Image { body })
        }
        _ => Err(Error::invalid(
            "Exactly one of fields rawDisk.source, sourceDisk and sourceImage must be specified.",
        )),
    }
}

/// Makes the image's file. If that fails, the image is marked FAILED.
pub fn make(engine: &Arc<Engine>, key: &Key, image: &Value, source: Source) -> Work {
    let file = engine.image_file(image["id"].as_str().unwrap_or_default());
    let (engine, key) = (Arc::clone(engine), key.clone());
    Box::pin(async move {
        let made = match &source {
            Source::Archive { file: archive, .. } => {
                let size_gb = disk::from_archive(archive, &file).await;
                size_gb.map(|size_gb| Some(("diskSizeGb", Int64(size_gb))))
            }
            Source::Disk { file: disk, .. } => {
                let copied = disk::copy(disk, &file).await;
                let bytes = || file.metadata().map_or(0, |file| file.len());
                copied.map(|()| Some(("archiveSizeBytes", Int64(bytes()))))
            }
            Source::Image { body } => {
                let made = engine
                    .made_image(body["id"].as_str().unwrap_or_default())
                    .await;
                made.and_then(|image| disk::link(&image, &file).map(|()| None))
            }
        };
        engine
            .store
            .transaction(|tx| {
                resources::update(tx, &key, |image| match &made {
                    Ok(learnt) => {
                        if let Some((field, number)) = learnt {
                            image[field] = json!(number);
                        }
                        image["status"] = "READY".into();
                    }
                    Err(_) => image["status"] = "FAILED".into(),
                })
            })
            .map_err(anyhow::Error::from)?;
        made.map(|_| ()).map_err(Failure::invalid)
    })
}
