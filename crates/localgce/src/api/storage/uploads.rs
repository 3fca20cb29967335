//! Uploads: in one request, or resumable after a cut.

use std::path::Path as FilePath;
use std::sync::Arc;

use anyhow::Context;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body;
use super::commit::{New, commit};
use super::content_range::ContentRange;
use super::fields::settable;
use super::objects::{OWN, SETTABLE};
use super::preconditions::Preconditions;
use super::{Place, content, multipart, no_bucket};
use crate::engine::Engine;
use crate::error::Error;
use crate::store::new_id;
use crate::store::objects::{self as store, Upload};

/// An upload's metadata is small.
const METADATA_LIMIT: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadQuery {
    upload_type: Option<String>,
    name: Option<String>,
    #[serde(rename = "upload_id")]
    upload_id: Option<String>,
}

pub async fn begin(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<UploadQuery>,
    Query(conditions): Query<Preconditions>,
    request: Request,
) -> Result<Response, Error> {
    engine
        .store
        .transaction(|tx| store::bucket(tx, &place.bucket)?.ok_or_else(no_bucket))?;
    let upload = Begun {
        bucket: place.bucket,
        name: query.name,
        conditions,
    };
    match query.upload_type.as_deref() {
        Some("media") => media(&engine, upload, request).await,
        Some("multipart") => in_parts(&engine, upload, request).await,
        Some("resumable") => begin_resumable(&engine, upload, request).await,
        other => Err(Error::field(
            "uploadType",
            other.unwrap_or_default(),
            "It is media, multipart or resumable.",
        )),
    }
}

/// What the URL says of an upload.
struct Begun {
    bucket: String,
    name: Option<String>,
    conditions: Preconditions,
}

impl Begun {
    /// The object that is to be, with what else the client says of it.
    fn object(self, mut metadata: Value, content_type: Option<&str>) -> Result<New, Error> {
        let named = metadata["name"].as_str().map(str::to_owned);
        let name = self.name.or(named).ok_or_else(|| Error::required("name"))?;
        let fields = settable(metadata.take(), &SETTABLE, &OWN)?;
        let mut metadata = Value::Object(fields);
        if metadata["contentType"].is_null() && content_type.is_some() {
            metadata["contentType"] = content_type.into();
        }
        Ok(New {
            bucket: self.bucket,
            name,
            metadata,
            conditions: self.conditions,
        })
    }
}

async fn media(engine: &Arc<Engine>, upload: Begun, request: Request) -> Result<Response, Error> {
    let content_type = header(request.headers(), CONTENT_TYPE.as_str()).map(str::to_owned);
    let new = upload.object(json!({}), content_type.as_deref())?;
    let file = engine.upload_file(&new_id().to_string());
    receive(request.into_body(), &file).await?;
    Ok(Json(commit(engine, &file, new).await?).into_response())
}

async fn in_parts(
    engine: &Arc<Engine>,
    upload: Begun,
    request: Request,
) -> Result<Response, Error> {
    let content_type = header(request.headers(), CONTENT_TYPE.as_str()).unwrap_or_default();
    let boundary = multipart::boundary(content_type)
        .ok_or_else(|| Error::malformed("The content type has no boundary."))?
        .to_owned();
    let whole = engine.upload_file(&new_id().to_string());
    receive(request.into_body(), &whole).await?;
    let file = engine.upload_file(&new_id().to_string());
    let take = async || {
        let parts = multipart::find(&whole, &boundary, METADATA_LIMIT)?;
        let metadata = body::parse(&parts.metadata)?;
        let new = upload.object(metadata, parts.content_type.as_deref())?;
        content::copy(&whole, parts.content, &file).await?;
        Ok::<_, Error>(new)
    };
    let new = take().await;
    std::fs::remove_file(&whole).ok();
    Ok(Json(commit(engine, &file, new?).await?).into_response())
}

/// Receives a body whole, or leaves nothing.
async fn receive(body: Body, file: &FilePath) -> Result<(), Error> {
    let arrived = content::append(body, file).await;
    if arrived.is_err() {
        std::fs::remove_file(file).ok();
    }
    arrived?;
    Ok(())
}

async fn begin_resumable(
    engine: &Engine,
    upload: Begun,
    request: Request,
) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, METADATA_LIMIT)
        .await
        .map_err(|error| Error::malformed(format!("reading the object's metadata: {error}")))?;
    let metadata = body::parse(if bytes.is_empty() { b"{}" } else { &bytes })?;
    let content_type = header(&parts.headers, "x-upload-content-type");
    let new = upload.object(metadata, content_type)?;
    let id = new_id().to_string();
    let location = session_url(&parts.headers, &parts.uri, &new.bucket, &id);
    engine
        .store
        .transaction(|tx| store::insert_upload(tx, &id, &new.into()))?;
    Ok((StatusCode::OK, [(LOCATION, location), (X_UPLOAD, id)]).into_response())
}

const X_UPLOAD: axum::http::HeaderName =
    axum::http::HeaderName::from_static("x-guploader-uploadid");

/// Where the client goes on: the server that it talks to, and this is the one link of which that
/// is true. The client put the address into Host itself.
fn session_url(headers: &HeaderMap, uri: &Uri, bucket: &str, id: &str) -> String {
    let host = uri.authority().map(|host| host.as_str().to_owned());
    let host = host
        .or_else(|| header(headers, "host").map(str::to_owned))
        .unwrap_or_default();
    format!("http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={id}")
}

pub async fn resume(
    State(engine): State<Arc<Engine>>,
    Query(query): Query<UploadQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let id = query
        .upload_id
        .ok_or_else(|| Error::required("upload_id"))?;
    let upload = engine
        .store
        .transaction(|tx| store::upload(tx, &id))?
        .ok_or_else(no_upload)?;
    let file = engine.upload_file(&id);
    let there = content::length(&file);
    let range = match header(&headers, CONTENT_RANGE.as_str()) {
        None => ContentRange {
            first: Some(0),
            total: None,
        },
        Some(text) => ContentRange::parse(text)
            .ok_or_else(|| Error::field("Content-Range", text, "It is no range."))?,
    };
    if let Some(first) = range.first {
        if first > there {
            content::discard(body).await;
            return Err(Error::field(
                "Content-Range",
                &first.to_string(),
                &format!("The upload has {there} bytes; ask for its state with bytes */*."),
            ));
        }
        // Bytes sent again take the place of those sent before.
        truncate(&file, first)?;
        content::append(body, &file).await?;
    }
    let there = content::length(&file);
    let whole = match range.total {
        Some(total) => there >= total,
        None => header(&headers, CONTENT_RANGE.as_str()).is_none(),
    };
    if whole {
        return finish(&engine, &id, upload).await;
    }
    let mut answer = StatusCode::PERMANENT_REDIRECT.into_response();
    if there > 0 {
        let range = format!("bytes=0-{}", there - 1);
        answer
            .headers_mut()
            .insert(RANGE, range.parse().map_err(anyhow::Error::from)?);
    }
    Ok(answer)
}

fn truncate(file: &FilePath, length: u64) -> Result<(), Error> {
    let truncate = || {
        let options = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(file);
        options?.set_len(length)
    };
    Ok(truncate().context("resuming the upload")?)
}

/// Makes an object of what has arrived.
async fn finish(engine: &Arc<Engine>, id: &str, upload: Upload) -> Result<Response, Error> {
    let body = commit(engine, &engine.upload_file(id), upload.into()).await;
    // Refused or not: it is over.
    engine
        .store
        .transaction(|tx| store::remove_upload(tx, id))?;
    Ok(Json(body?).into_response())
}

/// `DELETE` of the session: the client gives up.
pub async fn cancel(
    State(engine): State<Arc<Engine>>,
    Query(query): Query<UploadQuery>,
) -> Result<StatusCode, Error> {
    let id = query
        .upload_id
        .ok_or_else(|| Error::required("upload_id"))?;
    engine.store.transaction(|tx| {
        store::upload(tx, &id)?.ok_or_else(no_upload)?;
        Ok::<_, Error>(store::remove_upload(tx, &id)?)
    })?;
    std::fs::remove_file(engine.upload_file(&id)).ok();
    // As Google answers: no standard status fits.
    StatusCode::from_u16(499).map_err(|error| anyhow::Error::from(error).into())
}

fn no_upload() -> Error {
    Error::missing("No such upload: it is done, or never was.")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
