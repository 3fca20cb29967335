//! Turns uploaded contents into objects.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::buckets;
use super::content::{self, Summary};
use super::objects::{KEPT, text};
use super::preconditions::Preconditions;
use crate::clock;
use crate::engine::{Draft, Engine};
use crate::error::Error;
use crate::store::counters::{self, Counter};
use crate::store::objects::{self as store, Object, Upload};

/// An object that is about to be created.
pub struct New {
    /// The bucket's name.
    pub bucket: String,
    /// The object's name.
    pub name: String,
    /// The metadata that the client gave.
    pub metadata: Value,
    /// What the object that it replaces must satisfy.
    pub conditions: Preconditions,
}

/// The field of an upload's metadata that holds its preconditions.
const CONDITIONS: &str = "preconditions";

impl New {
    /// A resumable upload of this object into a file of this name.
    pub fn upload(self, file: String) -> Upload {
        let mut metadata = self.metadata;
        metadata[CONDITIONS] = json!(self.conditions);
        Upload {
            bucket: self.bucket,
            name: self.name,
            metadata,
            file,
            object: None,
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

/// Turns a draft into an object.
pub async fn commit(engine: &Arc<Engine>, draft: Draft, new: New) -> Result<Value, Error> {
    let file = draft.name.clone();
    let body = make(engine, file, &new, |tx, _| draft.keep(tx)).await?;
    draft.kept();
    Ok(body)
}

/// Turns a file into an object. `settle` runs in the object's transaction, to release the file from its
/// previous owner.
pub async fn make(
    engine: &Arc<Engine>,
    file: String,
    new: &New,
    settle: impl FnOnce(&Connection, &Value) -> rusqlite::Result<()>,
) -> Result<Value, Error> {
    let path = engine.content_file(&file);
    // What is acknowledged survives a power cut: write the content and its name first, then the row.
    let summary = tokio::task::spawn_blocking(move || {
        let summary = content::summarize(&path)?;
        content::sync(&path)?;
        Ok::<_, anyhow::Error>(summary)
    })
    .await
    .map_err(anyhow::Error::from)??;
    for (field, sum) in [("crc32c", &summary.crc32c), ("md5Hash", &summary.md5)] {
        if text(&new.metadata, field).is_some_and(|given| given != sum) {
            return Err(Error::invalid(format!(
                "Provided {field} does not match the content that was received."
            )));
        }
    }
    let body = engine.store.transaction(|tx| {
        buckets::find(tx, &new.bucket)?;
        let before = store::get(tx, &new.bucket, &new.name)?;
        new.conditions
            .check(before.as_ref().map(|object| &object.body))?;
        let generation = counters::next(tx, Counter::Generation, clock::unix_millis() * 1000)?;
        let object = Object {
            generation,
            file,
            body: object_body(new, generation, &summary),
        };
        store::put(tx, &new.bucket, &new.name, &object)?;
        settle(tx, &object.body)?;
        Ok::<_, Error>(object.body)
    })?;
    engine.sweep();
    Ok(body)
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

/// Escapes an object's name as one segment of a path.
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
