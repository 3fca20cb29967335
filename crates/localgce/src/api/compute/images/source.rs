//! What an image is made from: an archive in a bucket, a disk, another image.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{GuestOsFeature, Image, Int64, usable};
use crate::api::compute::disks;
use crate::engine::records::get;
use crate::engine::{Engine, Failure, Work};
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::{objects, resources};
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
    /// The size, where it is known before the image is made.
    pub fn size_gb(&self) -> Option<Int64> {
        match self {
            Self::Archive { .. } => None,
            Self::Disk { body, .. } => int64(&body["sizeGb"]),
            Self::Image { body } => int64(&body["diskSizeGb"]),
        }
    }

    /// What Google charges for, where it is known before the image is made.
    pub fn archive_size(&self) -> Option<Int64> {
        match self {
            Self::Archive { bytes, .. } => Some(Int64(*bytes)),
            Self::Disk { .. } => None,
            Self::Image { body } => int64(&body["archiveSizeBytes"]),
        }
    }

    /// The features that the request gives, or else those of the source.
    pub fn features(&self, given: Option<&[GuestOsFeature]>) -> Value {
        match self {
            _ if given.is_some() => json!(given),
            Self::Archive { .. } => Value::Null,
            Self::Disk { body, .. } | Self::Image { body } => body["guestOsFeatures"].clone(),
        }
    }

    /// Says in an image where it is from.
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

/// A number as a body holds it.
fn int64(value: &Value) -> Option<Int64> {
    value.as_str()?.parse().ok().map(Int64)
}

/// The one source that a request names.
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
        (Some(archive), None, None) => find_archive(engine, tx, &archive.source),
        (None, Some(reference), None) => {
            let disk = key
                .resolve(Kind::Disk, reference)
                .filter(|disk| disk.zone().is_some())
                .ok_or_else(|| {
                    Error::field("resource.sourceDisk", reference, "The URL is malformed.")
                })?;
            let body = get(tx, &disk)?;
            disks::refuse_while_running(tx, &disk, &body)?;
            let file = engine.disk_file(body["id"].as_str().unwrap_or_default());
            Ok(Source::Disk { body, file })
        }
        (None, None, Some(reference)) => {
            let body = usable(tx, key, reference)?;
            Ok(Source::Image { body })
        }
        _ => Err(Error::invalid(
            "Exactly one of fields rawDisk.source, sourceDisk and sourceImage must be specified.",
        )),
    }
}

fn find_archive(engine: &Engine, tx: &Connection, url: &str) -> Result<Source, Error> {
    let (bucket, name) = bucket_and_object(url).ok_or_else(|| {
        Error::field(
            "resource.rawDisk.source",
            url,
            "Must be a URL of a Cloud Storage object, https://storage.googleapis.com/BUCKET/OBJECT.",
        )
    })?;
    let object = objects::get(tx, bucket, &name)?.ok_or_else(|| {
        Error::missing(format!(
            "The resource '{url}' was not found: no such object in Cloud Storage"
        ))
    })?;
    let bytes = object.body["size"]
        .as_str()
        .and_then(|size| size.parse().ok())
        .unwrap_or_default();
    Ok(Source::Archive {
        file: engine.content_file(&object.file),
        bytes,
    })
}

/// Bucket and object of a Cloud Storage URL, in any of the forms that Google takes.
pub fn bucket_and_object(url: &str) -> Option<(&str, String)> {
    let path = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let path = path.or_else(|| url.strip_prefix("gs://"))?;
    let rest = match path.split_once('/')? {
        (
            "storage.googleapis.com"
            | "storage.cloud.google.com"
            | "commondatastorage.googleapis.com",
            rest,
        ) => rest,
        // gcloud names the server that it was told to ask.
        (_, rest) if rest.starts_with("storage/v1/b/") => rest,
        _ if url.starts_with("gs://") => path,
        _ => return None,
    };
    let rest = rest.strip_prefix("storage/v1/b/").unwrap_or(rest);
    let (bucket, name) = rest.split_once('/')?;
    let name = name.strip_prefix("o/").unwrap_or(name);
    let name = name.replace("%2F", "/").replace("%2f", "/");
    (!name.is_empty()).then_some((bucket, name))
}

/// Makes the image's file. An image that cannot be made is FAILED.
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

#[cfg(test)]
mod tests {
    use super::bucket_and_object;

    #[test]
    fn urls_of_objects() {
        for url in [
            "https://storage.googleapis.com/b/dir/o.tar.gz",
            "https://storage.googleapis.com/storage/v1/b/b/o/dir%2Fo.tar.gz",
            "https://www.googleapis.com/storage/v1/b/b/o/dir%2Fo.tar.gz",
            "http://127.0.0.1:8080/storage/v1/b/b/o/dir%2Fo.tar.gz",
            "gs://b/dir/o.tar.gz",
        ] {
            assert_eq!(
                bucket_and_object(url),
                Some(("b", "dir/o.tar.gz".into())),
                "{url}"
            );
        }
        for url in [
            "",
            "b/o",
            "https://example.com/b/o",
            "gs://b",
            "https://storage.googleapis.com/b/",
        ] {
            assert_eq!(bucket_and_object(url), None, "{url}");
        }
    }
}
