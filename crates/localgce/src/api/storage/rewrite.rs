//! Objects made of other objects: copies and compositions.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::Body;
use super::commit::{KEPT, New, commit};
use super::fields::{merge, settable};
use super::objects::{OWN, SETTABLE, find};
use super::preconditions::Preconditions;
use super::{Answer, Place, content};
use crate::engine::{Draft, Engine};
use crate::error::Error;
use crate::store::objects as store;

/// As many objects make one at most.
const SOURCES: usize = 32;

/// The variable parts of a copy's URL.
#[derive(Deserialize)]
pub struct Places {
    bucket: String,
    object: String,
    to_bucket: String,
    to_object: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceQuery {
    source_generation: Option<u64>,
    if_source_generation_match: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ComposeRequest {
    #[serde(default)]
    destination: Value,
    source_objects: Vec<SourceObject>,
    #[serde(default)]
    delete_source_objects: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SourceObject {
    name: String,
    generation: Option<super::super::body::Int64>,
    object_preconditions: Option<ObjectPreconditions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ObjectPreconditions {
    if_generation_match: Option<super::super::body::Int64>,
}

/// A copy whose progress the client asks for: it is done at once.
pub async fn rewrite(
    State(engine): State<Arc<Engine>>,
    Path(places): Path<Places>,
    Query(source): Query<SourceQuery>,
    Query(conditions): Query<Preconditions>,
    Body(metadata): Body<Value>,
) -> Answer {
    let body = duplicate(&engine, places, &source, conditions, metadata).await?;
    Ok(Json(json!({
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": body["size"],
        "objectSize": body["size"],
        "done": true,
        "resource": body,
    })))
}

/// A copy.
pub async fn copy(
    State(engine): State<Arc<Engine>>,
    Path(places): Path<Places>,
    Query(source): Query<SourceQuery>,
    Query(conditions): Query<Preconditions>,
    Body(metadata): Body<Value>,
) -> Answer {
    duplicate(&engine, places, &source, conditions, metadata)
        .await
        .map(Json)
}

async fn duplicate(
    engine: &Arc<Engine>,
    places: Places,
    query: &SourceQuery,
    conditions: Preconditions,
    metadata: Value,
) -> Result<Value, Error> {
    let place = Place {
        bucket: places.bucket,
        object: places.object,
    };
    let source = find(engine, &place, query.source_generation)?;
    Preconditions::generation(query.if_source_generation_match).check(Some(&source.body))?;
    let mut described = json!({});
    for field in KEPT.iter().chain(&["contentType"]) {
        if !source.body[field].is_null() {
            described[field] = source.body[field].clone();
        }
    }
    merge(&mut described, settable(metadata, &SETTABLE, &OWN)?);
    let new = New {
        bucket: places.to_bucket,
        name: places.to_object,
        metadata: described,
        conditions,
    };
    join(engine, &[source], new).await
}

/// One object of several, one behind the other.
pub async fn compose(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(conditions): Query<Preconditions>,
    Body(request): Body<ComposeRequest>,
) -> Answer {
    if request.source_objects.is_empty() || request.source_objects.len() > SOURCES {
        return Err(Error::invalid(format!(
            "The number of source components provided ({}) is not between 1 and {SOURCES}.",
            request.source_objects.len()
        )));
    }
    let mut sources = Vec::new();
    for source in &request.source_objects {
        let place = Place {
            bucket: place.bucket.clone(),
            object: source.name.clone(),
        };
        let object = find(&engine, &place, source.generation.map(|number| number.0))?;
        let wanted = source
            .object_preconditions
            .as_ref()
            .and_then(|conditions| conditions.if_generation_match);
        Preconditions::generation(wanted.map(|number| number.0)).check(Some(&object.body))?;
        sources.push(object);
    }
    let destination = match request.destination {
        Value::Null => json!({}),
        destination => destination,
    };
    let mut metadata = settable(destination, &SETTABLE, &OWN)?;
    // gcloud describes the destination like its first source, sums included.
    for sum in ["crc32c", "md5Hash"] {
        metadata.shift_remove(sum);
    }
    let new = New {
        metadata: Value::Object(metadata),
        bucket: place.bucket.clone(),
        name: place.object.clone(),
        conditions,
    };
    let mut body = join(&engine, &sources, new).await?;
    engine.store.transaction(|tx| {
        if request.delete_source_objects {
            for source in &request.source_objects {
                store::remove(tx, &place.bucket, &source.name)?;
            }
        }
        let Some(mut object) = store::get(tx, &place.bucket, &place.object)? else {
            return Ok::<_, Error>(());
        };
        object.body["componentCount"] = sources.len().into();
        if let Some(fields) = object.body.as_object_mut() {
            fields.shift_remove("md5Hash");
        }
        body = object.body.clone();
        Ok(store::put(tx, &place.bucket, &place.object, &object)?)
    })?;
    engine.sweep();
    Ok(Json(body))
}

/// Makes an object of the contents of others.
async fn join(engine: &Arc<Engine>, sources: &[store::Object], new: New) -> Result<Value, Error> {
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
