//! A file that has arrived becomes an object.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::content::{self, Summary};
use super::no_bucket;
use super::objects::text;
use super::preconditions::Preconditions;
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;
use crate::store::new_id;
use crate::store::objects::{self as store, Object, Upload};

/// What a client may say of an object besides its content, and is kept as it is.
pub const KEPT: [&str; 6] = [
    "contentEncoding",
    "contentDisposition",
    "contentLanguage",
    "cacheControl",
    "customTime",
    "metadata",
];

/// An object that is to be.
pub struct New {
    /// The bucket's name.
    pub bucket: String,
    /// The object's own.
    pub name: String,
    /// What the client says of it.
    pub metadata: Value,
    /// What must hold of the one that is there.
    pub conditions: Preconditions,
}

/// The conditions of a resumable upload are kept with its metadata.
const CONDITIONS: &str = "preconditions";

impl From<New> for Upload {
    fn from(new: New) -> Self {
        let mut metadata = new.metadata;
        metadata[CONDITIONS] = json!(new.conditions);
        Self {
            bucket: new.bucket,
            name: new.name,
            metadata,
        }
    }
}

impl From<Upload> for New {
    fn from(upload: Upload) -> Self {
        let conditions = upload.metadata[CONDITIONS].clone();
        Self {
            bucket: upload.bucket,
            name: upload.name,
            metadata: upload.metadata,
            conditions: serde_json::from_value(conditions).unwrap_or_default(),
        }
    }
}

/// Makes an object of a file, which is gone afterwards, also when the object is refused.
pub async fn commit(engine: &Arc<Engine>, file: &Path, new: New) -> Result<Value, Error> {
    let made = make(engine, file, &new).await;
    if made.is_err() {
        std::fs::remove_file(file).ok();
    }
    let (body, replaced) = made?;
    if let Some(replaced) = replaced {
        std::fs::remove_file(engine.object_file(replaced)).ok();
    }
    Ok(body)
}

/// The object, and the generation in whose place it is.
async fn make(engine: &Arc<Engine>, file: &Path, new: &New) -> Result<(Value, Option<u64>), Error> {
    let path = file.to_owned();
    let summary = tokio::task::spawn_blocking(move || content::summarize(&path))
        .await
        .map_err(anyhow::Error::from)??;
    for (field, sum) in [("crc32c", &summary.crc32c), ("md5Hash", &summary.md5)] {
        if text(&new.metadata, field).is_some_and(|given| given != sum) {
            return Err(Error::invalid(format!(
                "Provided {field} does not match the content that was received."
            )));
        }
    }
    let generation = clock::unix_millis() * 1000 + new_id() % 1000;
    let object = Object {
        generation,
        body: object_body(new, generation, &summary),
    };
    engine.store.transaction(|tx| {
        store::bucket(tx, &new.bucket)?.ok_or_else(no_bucket)?;
        let before = store::get(tx, &new.bucket, &new.name)?;
        new.conditions
            .check(before.as_ref().map(|object| &object.body))?;
        std::fs::rename(file, engine.object_file(generation)).map_err(anyhow::Error::from)?;
        store::put(tx, &new.bucket, &new.name, &object)?;
        Ok((object.body, before.map(|object| object.generation)))
    })
}

fn object_body(new: &New, generation: u64, summary: &Summary) -> Value {
    let New {
        bucket,
        name,
        metadata,
        ..
    } = new;
    let now = clock::now();
    let link = format!("b/{bucket}/o/{}", encode(name));
    let mut body = json!({
        "kind": "storage#object",
        "id": format!("{bucket}/{name}/{generation}"),
        "selfLink": format!("https://www.googleapis.com/storage/v1/{link}"),
        "mediaLink": format!(
            "https://storage.googleapis.com/download/storage/v1/{link}?generation={generation}&alt=media"
        ),
        "name": name,
        "bucket": bucket,
        "generation": generation.to_string(),
        "metageneration": "1",
        "contentType": text(metadata, "contentType").unwrap_or("application/octet-stream"),
        "storageClass": text(metadata, "storageClass").unwrap_or("STANDARD"),
        "size": summary.size.to_string(),
        "md5Hash": summary.md5,
        "crc32c": summary.crc32c,
        "etag": format!("{generation:x}/1"),
        "timeCreated": now,
        "updated": now,
        "timeStorageClassUpdated": now,
    });
    for field in KEPT {
        if !metadata[field].is_null() {
            body[field] = metadata[field].clone();
        }
    }
    body
}

/// An object's name as one segment of a path.
fn encode(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    name.bytes()
        .map(|byte| {
            if plain(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn names_as_one_segment() {
        assert_eq!(encode("a/b c.tar.gz"), "a%2Fb%20c.tar.gz");
    }
}
