//! Objects made of other objects: copies and compositions.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::Body;
use super::fields::{merge, settable};
use super::objects::{OWN, SETTABLE};
use super::place::{Answer, Place};
use crate::engine::Engine;
use crate::engine::storage::objects::{KEPT, find};
use crate::engine::storage::{self, New, Preconditions};
use crate::error::Error;

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
    let source = engine
        .store
        .transaction(|tx| find(tx, &places.bucket, &places.object, query.source_generation))?;
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
    storage::copy(engine, &source, new).await
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
        let generation = source.generation.map(|number| number.0);
        let object = engine
            .store
            .transaction(|tx| find(tx, &place.bucket, &source.name, generation))?;
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
        bucket: place.bucket,
        name: place.object,
        conditions,
    };
    let spent = request.source_objects.iter();
    let spent = spent.filter(|_| request.delete_source_objects);
    let spent: Vec<_> = spent.map(|source| source.name.as_str()).collect();
    storage::compose(&engine, &sources, new, &spent)
        .await
        .map(Json)
}
