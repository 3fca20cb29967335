//! Uploads: in one request, or resumable after a cut.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body;
use super::super::call::Call;
use super::super::handler::raw;
use super::super::method::{self, Method};
use super::fields::settable;
use super::multipart;
use super::objects::{OWN, SETTABLE};
use crate::engine::storage::uploads::{self, Progress};
use crate::engine::storage::{ContentRange, New, Preconditions, buckets};
use crate::error::Error;

/// An upload's metadata is small.
const METADATA_LIMIT: usize = 64 << 10;

pub fn methods() -> Vec<Method> {
    let paths = [
        "upload/storage/v1/b/{bucket}/o",
        // Where the discovery document has resumable uploads.
        "resumable/upload/storage/v1/b/{bucket}/o",
    ];
    paths.into_iter().flat_map(methods_at).collect()
}

/// The address of an upload that has begun is the grant for its parts.
fn methods_at(path: &'static str) -> [Method; 3] {
    const INSERT: &str = "storage.objects.insert";
    [
        method::post(INSERT, path).needs("storage.objects.create", raw(begin)),
        method::put(INSERT, path).open(raw(resume)),
        method::delete(INSERT, path).open(raw(|call, _| cancel(call))),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UploadQuery {
    upload_type: Option<String>,
    name: Option<String>,
    #[serde(rename = "upload_id")]
    upload_id: Option<String>,
}

async fn begin(call: Call, request: Request) -> Result<Response, Error> {
    let query: UploadQuery = call.query()?;
    let conditions: Preconditions = call.query()?;
    call.engine
        .store
        .transaction(|tx| buckets::find(tx, call.variable("bucket")))?;
    let upload = Begun {
        bucket: call.variable("bucket").to_owned(),
        name: query.name,
        conditions,
    };
    match query.upload_type.as_deref() {
        Some("media") => media(&call, upload, request).await,
        Some("multipart") => in_parts(&call, upload, request).await,
        Some("resumable") => begin_resumable(&call, upload, request).await,
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

async fn media(call: &Call, upload: Begun, request: Request) -> Result<Response, Error> {
    let content_type = header(&call.headers, CONTENT_TYPE.as_str()).map(str::to_owned);
    let new = upload.object(json!({}), content_type.as_deref())?;
    let object = uploads::whole(&call.engine, request.into_body(), new).await?;
    Ok(Json(object).into_response())
}

async fn in_parts(call: &Call, upload: Begun, request: Request) -> Result<Response, Error> {
    let content_type = header(&call.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let boundary = multipart::boundary(content_type)
        .ok_or_else(|| Error::malformed("The content type has no boundary."))?
        .to_owned();
    let received = uploads::receive(&call.engine, request.into_body()).await?;
    let parts = multipart::find(&received.path(), &boundary, METADATA_LIMIT)?;
    let metadata = body::parse(&parts.metadata)?;
    let new = upload.object(metadata, parts.content_type.as_deref())?;
    let object = uploads::part(&call.engine, received, parts.content, new).await?;
    Ok(Json(object).into_response())
}

async fn begin_resumable(call: &Call, upload: Begun, request: Request) -> Result<Response, Error> {
    let bytes = axum::body::to_bytes(request.into_body(), METADATA_LIMIT)
        .await
        .map_err(|error| Error::malformed(format!("reading the object's metadata: {error}")))?;
    let metadata = body::parse(if bytes.is_empty() { b"{}" } else { &bytes })?;
    let content_type = header(&call.headers, "x-upload-content-type");
    let new = upload.object(metadata, content_type)?;
    let id = uploads::begin(&call.engine, new)?;
    let location = session_url(call, &id);
    Ok((StatusCode::OK, [(LOCATION, location), (X_UPLOAD, id)]).into_response())
}

const X_UPLOAD: axum::http::HeaderName =
    axum::http::HeaderName::from_static("x-guploader-uploadid");

/// Where the client goes on: the server that it talks to, and this is the one link of which that
/// is true. The client put the address into Host itself.
fn session_url(call: &Call, id: &str) -> String {
    let bucket = call.variable("bucket");
    let host = call.uri.authority().map(|host| host.as_str().to_owned());
    let host = host
        .or_else(|| header(&call.headers, "host").map(str::to_owned))
        .unwrap_or_default();
    format!("http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={id}")
}

async fn resume(call: Call, request: Request) -> Result<Response, Error> {
    let query: UploadQuery = call.query()?;
    let id = query
        .upload_id
        .ok_or_else(|| Error::required("upload_id"))?;
    let range = header(&call.headers, CONTENT_RANGE.as_str()).map(|text| {
        ContentRange::parse(text)
            .ok_or_else(|| Error::field("Content-Range", text, "It is no range."))
    });
    let range = range.transpose()?;
    match uploads::resume(call.engine, id, range, request.into_body()).await? {
        Progress::Whole(object) => Ok(Json(object).into_response()),
        Progress::Part(0) => Ok(StatusCode::PERMANENT_REDIRECT.into_response()),
        Progress::Part(there) => {
            let range = format!("bytes=0-{}", there - 1);
            Ok((StatusCode::PERMANENT_REDIRECT, [(RANGE, range)]).into_response())
        }
    }
}

/// `DELETE` of the session: the client gives up.
async fn cancel(call: Call) -> Result<Response, Error> {
    let query: UploadQuery = call.query()?;
    let id = query
        .upload_id
        .ok_or_else(|| Error::required("upload_id"))?;
    uploads::cancel(&call.engine, &id).await?;
    // As Google answers: no standard status fits.
    let cancelled = StatusCode::from_u16(499).map_err(anyhow::Error::from)?;
    Ok(cancelled.into_response())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
