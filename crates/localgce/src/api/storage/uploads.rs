//! Uploads: in one request, or resumable after a cut.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body;
use super::fields::settable;
use super::multipart;
use super::objects::{OWN, SETTABLE};
use super::place::Place;
use crate::engine::Engine;
use crate::engine::storage::uploads::{self, Progress};
use crate::engine::storage::{ContentRange, New, Preconditions, buckets};
use crate::error::Error;

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
        .transaction(|tx| buckets::find(tx, &place.bucket))?;
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
    let object = uploads::whole(engine, request.into_body(), new).await?;
    Ok(Json(object).into_response())
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
    let received = uploads::receive(engine, request.into_body()).await?;
    let parts = multipart::find(&received.path(), &boundary, METADATA_LIMIT)?;
    let metadata = body::parse(&parts.metadata)?;
    let new = upload.object(metadata, parts.content_type.as_deref())?;
    let object = uploads::part(engine, received, parts.content, new).await?;
    Ok(Json(object).into_response())
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
    let bucket = new.bucket.clone();
    let id = uploads::begin(engine, new)?;
    let location = session_url(&parts.headers, &parts.uri, &bucket, &id);
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
    let range = header(&headers, CONTENT_RANGE.as_str()).map(|text| {
        ContentRange::parse(text)
            .ok_or_else(|| Error::field("Content-Range", text, "It is no range."))
    });
    match uploads::resume(engine, id, range.transpose()?, body).await? {
        Progress::Whole(object) => Ok(Json(object).into_response()),
        Progress::Part(0) => Ok(StatusCode::PERMANENT_REDIRECT.into_response()),
        Progress::Part(there) => {
            let range = format!("bytes=0-{}", there - 1);
            Ok((StatusCode::PERMANENT_REDIRECT, [(RANGE, range)]).into_response())
        }
    }
}

/// `DELETE` of the session: the client gives up.
pub async fn cancel(
    State(engine): State<Arc<Engine>>,
    Query(query): Query<UploadQuery>,
) -> Result<StatusCode, Error> {
    let id = query
        .upload_id
        .ok_or_else(|| Error::required("upload_id"))?;
    uploads::cancel(&engine, &id).await?;
    // As Google answers: no standard status fits.
    StatusCode::from_u16(499).map_err(|error| anyhow::Error::from(error).into())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
