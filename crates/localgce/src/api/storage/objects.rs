//! Objects.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio_util::io::ReaderStream;

use super::super::error::Error;
use super::super::list::ListQuery;
use super::{Answer, Place, listing, no_bucket};
use crate::engine::Engine;
use crate::store::objects as store;

#[derive(Deserialize)]
pub struct ObjectListQuery {
    #[serde(default)]
    prefix: String,
}

pub async fn list(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<ListQuery>,
    Query(ObjectListQuery { prefix }): Query<ObjectListQuery>,
) -> Answer {
    let mut objects = engine.store.transaction(|tx| {
        store::bucket(tx, &place.bucket)?.ok_or_else(no_bucket)?;
        Ok::<_, Error>(store::list(tx, &place.bucket)?)
    })?;
    objects.retain(|object| {
        object["name"]
            .as_str()
            .is_some_and(|name| name.starts_with(&prefix))
    });
    Ok(listing("storage#objects", query.page(objects)?))
}

#[derive(Deserialize)]
pub struct GetQuery {
    alt: Option<String>,
}

/// The metadata, or with `alt=media` the content.
pub async fn get(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<GetQuery>,
) -> Result<Response, Error> {
    if query.alt.as_deref() == Some("media") {
        return download(State(engine), Path(place)).await;
    }
    Ok(Json(find(&engine, &place)?.body).into_response())
}

pub async fn download(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
) -> Result<Response, Error> {
    let object = find(&engine, &place)?;
    let file = engine.object_file(object.generation);
    let file = tokio::fs::File::open(&file).await.map_err(|error| {
        anyhow::Error::from(error).context(format!("opening {}", file.display()))
    })?;
    let text = |field: &str| object.body[field].as_str().unwrap_or_default().to_owned();
    let hashes = format!("crc32c={},md5={}", text("crc32c"), text("md5Hash"));
    let headers = [
        (CONTENT_TYPE.as_str(), text("contentType")),
        (CONTENT_LENGTH.as_str(), text("size")),
        ("x-goog-hash", hashes),
        ("x-goog-generation", object.generation.to_string()),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
) -> Result<StatusCode, Error> {
    let object = find(&engine, &place)?;
    engine
        .store
        .transaction(|tx| store::remove(tx, &place.bucket, &place.object))?;
    std::fs::remove_file(engine.object_file(object.generation)).ok();
    Ok(StatusCode::NO_CONTENT)
}

fn find(engine: &Engine, place: &Place) -> Result<store::Object, Error> {
    engine.store.transaction(|tx| {
        store::bucket(tx, &place.bucket)?.ok_or_else(no_bucket)?;
        store::get(tx, &place.bucket, &place.object)?.ok_or_else(|| place.no_object())
    })
}

/// A field of what the client says about an object.
pub fn text<'a>(metadata: &'a Value, field: &str) -> Option<&'a str> {
    metadata[field].as_str().filter(|text| !text.is_empty())
}
