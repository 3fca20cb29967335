//! Objects.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::super::body::Body;
use super::download;
use super::fields::{Field, Kind, merge, settable};
use super::listing::{self, ObjectListQuery};
use super::place::{Answer, Place};
use crate::clock;
use crate::engine::Engine;
use crate::engine::storage::objects::{KEPT, find, text};
use crate::engine::storage::{Preconditions, buckets};
use crate::error::Error;
use crate::store::objects as store;

/// What a client may say of an object.
pub const SETTABLE: [Field; 10] = [
    ("contentType", Kind::Text),
    ("contentEncoding", Kind::Text),
    ("contentDisposition", Kind::Text),
    ("contentLanguage", Kind::Text),
    ("cacheControl", Kind::Text),
    ("customTime", Kind::Text),
    ("metadata", Kind::Map),
    ("storageClass", Kind::Text),
    ("crc32c", Kind::Text),
    ("md5Hash", Kind::Text),
];

/// What is the server's to say, or has no effect in this engine: its buckets have no ACLs.
pub const OWN: [&str; 20] = [
    "acl",
    "bucket",
    "componentCount",
    "etag",
    "eventBasedHold",
    "generation",
    "id",
    "kind",
    "mediaLink",
    "metageneration",
    "name",
    "owner",
    "selfLink",
    "size",
    "softDeleteTime",
    "temporaryHold",
    "timeCreated",
    "timeFinalized",
    "timeStorageClassUpdated",
    "updated",
];

pub async fn list(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<ObjectListQuery>,
) -> Answer {
    let objects = engine.store.transaction(|tx| {
        buckets::find(tx, &place.bucket)?;
        Ok::<_, Error>(store::list(tx, &place.bucket)?)
    })?;
    listing::answer(objects, &query).map(Json)
}

#[derive(Deserialize)]
pub struct GetQuery {
    alt: Option<String>,
    generation: Option<u64>,
}

/// The metadata, or with `alt=media` the content.
pub async fn get(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<GetQuery>,
    Query(conditions): Query<Preconditions>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let object = engine
        .store
        .transaction(|tx| find(tx, &place.bucket, &place.object, query.generation))?;
    conditions.check(Some(&object.body))?;
    if query.alt.as_deref() == Some("media") {
        return download::answer(&engine, &object, &headers).await;
    }
    Ok(Json(object.body).into_response())
}

/// Changes what is said of an object; its content stays, and so does its generation.
pub async fn patch(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<GetQuery>,
    Query(conditions): Query<Preconditions>,
    Body(request): Body<Value>,
) -> Answer {
    change(
        &engine,
        &place,
        query.generation,
        &conditions,
        request,
        false,
    )
}

/// The same for a client that says all there is to say.
pub async fn update(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<GetQuery>,
    Query(conditions): Query<Preconditions>,
    Body(request): Body<Value>,
) -> Answer {
    change(
        &engine,
        &place,
        query.generation,
        &conditions,
        request,
        true,
    )
}

fn change(
    engine: &Engine,
    place: &Place,
    generation: Option<u64>,
    conditions: &Preconditions,
    request: Value,
    whole: bool,
) -> Answer {
    let mut changes = settable(request, &SETTABLE, &OWN)?;
    // Of the content and where it lies, not of the metadata.
    changes.retain(|field, _| !["crc32c", "md5Hash", "storageClass"].contains(&field.as_str()));
    let body = engine.store.transaction(|tx| {
        let mut object = find(tx, &place.bucket, &place.object, generation)?;
        conditions.check(Some(&object.body))?;
        if let Some(fields) = object.body.as_object_mut().filter(|_| whole) {
            fields.retain(|field, _| !KEPT.contains(&field.as_str()));
        }
        merge(&mut object.body, changes);
        let metageneration = text(&object.body, "metageneration").and_then(|n| n.parse().ok());
        let metageneration = metageneration.unwrap_or(0_u64) + 1;
        object.body["metageneration"] = metageneration.to_string().into();
        object.body["etag"] = format!("{:x}/{metageneration}", object.generation).into();
        object.body["updated"] = clock::now().into();
        store::put(tx, &place.bucket, &place.object, &object)?;
        Ok::<_, Error>(object.body)
    })?;
    Ok(Json(body))
}

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<GetQuery>,
    Query(conditions): Query<Preconditions>,
) -> Result<StatusCode, Error> {
    engine.store.transaction(|tx| {
        let object = find(tx, &place.bucket, &place.object, query.generation)?;
        conditions.check(Some(&object.body))?;
        Ok::<_, Error>(store::remove(tx, &place.bucket, &place.object)?)
    })?;
    engine.sweep();
    Ok(StatusCode::NO_CONTENT)
}
