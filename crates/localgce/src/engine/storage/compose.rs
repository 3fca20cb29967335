//! Objects made of other objects.

use std::sync::Arc;

use serde_json::Value;

use super::commit::{New, commit};
use super::content;
use crate::engine::{Draft, Engine};
use crate::error::Error;
use crate::store::objects::{self as store, Object};

/// Copies an object.
pub async fn copy(engine: &Arc<Engine>, source: &Object, new: New) -> Result<Value, Error> {
    join(engine, std::slice::from_ref(source), new).await
}

/// Concatenates objects of one bucket into a new one. Deletes the objects in `spent`.
pub async fn compose(
    engine: &Arc<Engine>,
    sources: &[Object],
    new: New,
    spent: &[&str],
) -> Result<Value, Error> {
    let (bucket, name) = (new.bucket.clone(), new.name.clone());
    let mut body = join(engine, sources, new).await?;
    engine.store.transaction(|tx| {
        for source in spent {
            store::remove(tx, &bucket, source)?;
        }
        let Some(mut object) = store::get(tx, &bucket, &name)? else {
            return Ok::<_, Error>(());
        };
        object.body["componentCount"] = sources.len().into();
        if let Some(fields) = object.body.as_object_mut() {
            fields.shift_remove("md5Hash");
        }
        body = object.body.clone();
        Ok(store::put(tx, &bucket, &name, &object)?)
    })?;
    engine.sweep();
    Ok(body)
}

async fn join(engine: &Arc<Engine>, sources: &[Object], new: New) -> Result<Value, Error> {
    let draft = Draft::begin(engine)?;
    for source in sources {
        let from = engine.content_file(&source.file);
        let copied = content::copy(&from, 0..content::length(&from), &draft.path()).await;
        if copied.is_err() && !from.exists() {
            let why = "A source object was replaced or deleted while it was copied.";
            return Err(Error::conflict("conflict", why));
        }
        copied?;
    }
    commit(engine, draft, new).await
}
