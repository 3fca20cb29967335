//! Objects.

use std::io::SeekFrom;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
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
    generation: Option<u64>,
}

/// The metadata, or with `alt=media` the content.
pub async fn get(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<GetQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if query.alt.as_deref() == Some("media") {
        return download(State(engine), Path(place), Query(query), headers).await;
    }
    Ok(Json(find(&engine, &place, query.generation)?.body).into_response())
}

/// The content, or the part of it that the client asks for.
pub async fn download(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<GetQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let object = find(&engine, &place, query.generation)?;
    let text = |field: &str| object.body[field].as_str().unwrap_or_default().to_owned();
    let size = text("size").parse().map_err(anyhow::Error::from)?;
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let (part, status) = match range.and_then(|range| parse_range(range, size)) {
        Some(part) if part.is_empty() => return Err(Error::range()),
        Some(part) => (part, StatusCode::PARTIAL_CONTENT),
        None => (0..size, StatusCode::OK),
    };
    let path = engine.object_file(object.generation);
    let open = async || {
        let mut file = File::open(&path).await?;
        file.seek(SeekFrom::Start(part.start)).await?;
        Ok::<_, std::io::Error>(file.take(part.end - part.start))
    };
    let file = open()
        .await
        .with_context(|| format!("opening {}", path.display()))?;
    let hashes = format!("crc32c={},md5={}", text("crc32c"), text("md5Hash"));
    let headers = [
        (CONTENT_TYPE.as_str(), text("contentType")),
        (CONTENT_LENGTH.as_str(), (part.end - part.start).to_string()),
        ("x-goog-hash", hashes),
        ("x-goog-generation", object.generation.to_string()),
    ];
    let body = Body::from_stream(ReaderStream::new(file));
    let mut response = (status, headers, body).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        let range = range.parse().map_err(anyhow::Error::from)?;
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
    Ok(response)
}

/// `bytes=5-` and `bytes=5-9`; anything else counts as no range, as HTTP allows.
fn parse_range(text: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = if last.is_empty() {
        size
    } else {
        last.parse::<u64>().ok()?.checked_add(1)?
    };
    Some(first.parse().ok()?..end.min(size))
}

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
) -> Result<StatusCode, Error> {
    let object = find(&engine, &place, None)?;
    engine
        .store
        .transaction(|tx| store::remove(tx, &place.bucket, &place.object))?;
    std::fs::remove_file(engine.object_file(object.generation)).ok();
    Ok(StatusCode::NO_CONTENT)
}

fn find(engine: &Engine, place: &Place, generation: Option<u64>) -> Result<store::Object, Error> {
    engine.store.transaction(|tx| {
        store::bucket(tx, &place.bucket)?.ok_or_else(no_bucket)?;
        store::get(tx, &place.bucket, &place.object)?
            .filter(|object| generation.is_none_or(|wanted| wanted == object.generation))
            .ok_or_else(|| place.no_object())
    })
}

/// A field of what the client says about an object.
pub fn text<'a>(metadata: &'a Value, field: &str) -> Option<&'a str> {
    metadata[field].as_str().filter(|text| !text.is_empty())
}
