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
use super::commit::{New, commit, make};
use super::content_range::ContentRange;
use super::fields::settable;
use super::objects::{OWN, SETTABLE};
use super::preconditions::Preconditions;
use super::{Place, content, multipart, no_bucket};
use crate::engine::{Draft, Engine};
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
    let draft = Draft::begin(engine)?;
    content::append(request.into_body(), &draft.path()).await?;
    Ok(Json(commit(engine, draft, new).await?).into_response())
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
    let whole = Draft::begin(engine)?;
    content::append(request.into_body(), &whole.path()).await?;
    let parts = multipart::find(&whole.path(), &boundary, METADATA_LIMIT)?;
    let metadata = body::parse(&parts.metadata)?;
    let new = upload.object(metadata, parts.content_type.as_deref())?;
    let draft = Draft::begin(engine)?;
    content::copy(&whole.path(), parts.content, &draft.path()).await?;
    drop(whole);
    Ok(Json(commit(engine, draft, new).await?).into_response())
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
        .transaction(|tx| store::insert_upload(tx, &id, &new.upload(id.clone())))?;
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
    // A task of its own goes on when the client hangs up, until nothing is on its way to the file any
    // more: only then it is another one's turn.
    let served = tokio::spawn(async move {
        let Some(_turn) = engine.sessions.enter(&id).await else {
            content::discard(body).await;
            return Err(busy());
        };
        let served = take_part(&engine, &id, &headers, body).await;
        if served.as_ref().is_err_and(Error::is_full) {
            // The room is better used than by what may never become whole.
            engine
                .store
                .transaction(|tx| store::remove_upload(tx, &id))?;
            engine.sweep();
        }
        served
    });
    served.await.map_err(anyhow::Error::from)?
}

/// Takes one part of a resumable upload, whose turn it is.
async fn take_part(
    engine: &Arc<Engine>,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let upload = engine
        .store
        .transaction(|tx| store::upload(tx, id))?
        .ok_or_else(no_upload)?;
    // The client has not heard that it is through.
    if let Some(object) = upload.object {
        content::discard(body).await;
        return Ok(Json(object).into_response());
    }
    let file = engine.content_file(&upload.file);
    let there = content::length(&file);
    let range = match header(headers, CONTENT_RANGE.as_str()) {
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
        None => header(headers, CONTENT_RANGE.as_str()).is_none(),
    };
    if whole {
        return finish(engine, id, upload).await;
    }
    let mut answer = StatusCode::PERMANENT_REDIRECT.into_response();
    if there > 0 {
        tokio::task::spawn_blocking(move || content::sync(&file))
            .await
            .map_err(anyhow::Error::from)??;
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
    let file = upload.file.clone();
    let settle = |tx: &rusqlite::Connection, object: &Value| store::finish_upload(tx, id, object);
    let made = make(engine, file, &upload.into(), settle).await;
    if made.is_err() {
        // Refused: it is over.
        engine
            .store
            .transaction(|tx| store::remove_upload(tx, id))?;
        engine.sweep();
    }
    Ok(Json(made?).into_response())
}

/// `DELETE` of the session: the client gives up.
pub async fn cancel(
    State(engine): State<Arc<Engine>>,
    Query(query): Query<UploadQuery>,
) -> Result<StatusCode, Error> {
    let id = query
        .upload_id
        .ok_or_else(|| Error::required("upload_id"))?;
    let _turn = engine.sessions.enter(&id).await.ok_or_else(busy)?;
    engine.store.transaction(|tx| {
        store::upload(tx, &id)?
            .filter(|upload| upload.object.is_none())
            .ok_or_else(no_upload)?;
        Ok::<_, Error>(store::remove_upload(tx, &id)?)
    })?;
    engine.sweep();
    // As Google answers: no standard status fits.
    StatusCode::from_u16(499).map_err(|error| anyhow::Error::from(error).into())
}

/// Two at once in one session. Over gRPC Google aborts the other one; over JSON it never says so
/// (<https://github.com/googleapis/google-cloud-cpp/pull/9263>), and what a client is to take for an
/// interruption, after which it asks how far the upload is, is a 5xx
/// (<https://cloud.google.com/storage/docs/performing-resumable-uploads>).
fn busy() -> Error {
    Error::unavailable(
        "Another request to this upload is being served; ask for its state, and go on from there.",
    )
}

fn no_upload() -> Error {
    Error::missing("No such upload: it is done, or never was.")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
