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
use super::super::error::Error;
use super::content::{self, Summary};
use super::objects::text;
use super::{Place, no_bucket};
use crate::clock;
use crate::engine::Engine;
use crate::store::new_id;
use crate::store::objects::{self as store, Object, Upload};

/// An upload's metadata is small.
const METADATA_LIMIT: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadQuery {
    upload_type: Option<String>,
    name: Option<String>,
    if_generation_match: Option<u64>,
    #[serde(rename = "upload_id")]
    upload_id: Option<String>,
}

/// What a client may say about an object.
#[derive(Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    name: Option<String>,
    #[serde(rename = "bucket", skip_serializing)]
    _bucket: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    cache_control: Option<String>,
    crc32c: Option<String>,
    md5_hash: Option<String>,
    metadata: Option<body::StringMap>,
    #[serde(skip_deserializing)]
    if_generation_match: Option<u64>,
}

pub async fn begin(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Result<Response, Error> {
    engine
        .store
        .transaction(|tx| store::bucket(tx, &place.bucket)?.ok_or_else(no_bucket))?;
    match query.upload_type.as_deref() {
        Some("media") => media(&engine, place, query, request).await,
        Some("resumable") => begin_resumable(&engine, place, query, request).await,
        other => Err(Error::field(
            "uploadType",
            other.unwrap_or_default(),
            "This engine takes media and resumable.",
        )),
    }
}

async fn media(
    engine: &Arc<Engine>,
    place: Place,
    query: UploadQuery,
    request: Request,
) -> Result<Response, Error> {
    let name = query.name.ok_or_else(|| Error::required("name"))?;
    let metadata = Metadata {
        content_type: header(request.headers(), CONTENT_TYPE.as_str()).map(str::to_owned),
        if_generation_match: query.if_generation_match,
        ..Metadata::default()
    };
    let id = new_id().to_string();
    let file = engine.upload_file(&id);
    let arrived = content::append(request.into_body(), &file).await;
    if arrived.is_err() {
        std::fs::remove_file(&file).ok();
    }
    arrived?;
    let upload = Upload {
        bucket: place.bucket,
        name,
        metadata: json!(metadata),
    };
    finish(engine, &id, upload).await
}

async fn begin_resumable(
    engine: &Engine,
    place: Place,
    query: UploadQuery,
    request: Request,
) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, METADATA_LIMIT)
        .await
        .map_err(|error| Error::malformed(format!("reading the object's metadata: {error}")))?;
    let mut metadata: Metadata = body::parse(if bytes.is_empty() { b"{}" } else { &bytes })?;
    let name = query
        .name
        .or(metadata.name.take())
        .ok_or_else(|| Error::required("name"))?;
    if metadata.content_type.is_none() {
        let given = header(&parts.headers, "x-upload-content-type");
        metadata.content_type = given.map(str::to_owned);
    }
    metadata.if_generation_match = query.if_generation_match;
    let id = new_id().to_string();
    let upload = Upload {
        bucket: place.bucket,
        name,
        metadata: json!(metadata),
    };
    engine
        .store
        .transaction(|tx| store::insert_upload(tx, &id, &upload))?;
    let location = session_url(&parts.headers, &parts.uri, &upload.bucket, &id);
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
        .ok_or_else(|| Error::missing("No such upload: it is done, or never was."))?;
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

fn truncate(file: &std::path::Path, length: u64) -> Result<(), Error> {
    let truncate = || {
        let options = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(file);
        options?.set_len(length)
    };
    truncate().map_err(|error| {
        anyhow::Error::from(error)
            .context("resuming the upload")
            .into()
    })
}

/// `bytes 0-9/100`, `bytes 0-9/*`, `bytes */100`, `bytes */*`.
#[derive(Debug, PartialEq, Eq)]
struct ContentRange {
    first: Option<u64>,
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let total = if total == "*" {
            None
        } else {
            Some(total.parse().ok()?)
        };
        let first = match range {
            "*" => None,
            range => {
                let (first, last) = range.split_once('-')?;
                let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
                (first <= last).then_some(())?;
                Some(first)
            }
        };
        Some(Self { first, total })
    }
}

/// Makes an object of what has arrived.
async fn finish(engine: &Arc<Engine>, id: &str, upload: Upload) -> Result<Response, Error> {
    let file = engine.upload_file(id);
    let path = file.clone();
    let summary = tokio::task::spawn_blocking(move || content::summarize(&path))
        .await
        .map_err(anyhow::Error::from)??;
    let refusal = ["crc32c", "md5Hash"].into_iter().find(|&field| {
        let sum = if field == "crc32c" {
            &summary.crc32c
        } else {
            &summary.md5
        };
        text(&upload.metadata, field).is_some_and(|given| given != sum)
    });
    let generation = clock::unix_millis() * 1000 + new_id() % 1000;
    let object = Object {
        generation,
        body: object_body(&upload, generation, &summary),
    };
    let result = engine.store.transaction(|tx| {
        store::remove_upload(tx, id)?;
        if let Some(field) = refusal {
            return Ok(Err(Error::invalid(format!(
                "Provided {field} does not match the content that was received."
            ))));
        }
        store::bucket(tx, &upload.bucket)?.ok_or_else(no_bucket)?;
        let before = store::get(tx, &upload.bucket, &upload.name)?.map(|object| object.generation);
        let wanted = upload.metadata["ifGenerationMatch"].as_u64();
        if wanted.is_some_and(|wanted| wanted != before.unwrap_or(0)) {
            return Ok(Err(Error::condition(
                "At least one of the pre-conditions you specified did not hold.",
            )));
        }
        std::fs::rename(&file, engine.object_file(generation)).map_err(anyhow::Error::from)?;
        store::put(tx, &upload.bucket, &upload.name, &object)?;
        Ok::<_, Error>(Ok(before))
    })?;
    match result {
        Ok(before) => {
            if let Some(before) = before {
                std::fs::remove_file(engine.object_file(before)).ok();
            }
            Ok(Json(object.body).into_response())
        }
        Err(refusal) => {
            std::fs::remove_file(&file).ok();
            Err(refusal)
        }
    }
}

fn object_body(upload: &Upload, generation: u64, summary: &Summary) -> Value {
    let Upload {
        bucket,
        name,
        metadata,
    } = upload;
    let now = clock::now();
    let link = format!("b/{bucket}/o/{}", encode(name));
    let mut body = json!({
        "kind": "storage#object",
        "id": format!("{bucket}/{name}/{generation}"),
        "selfLink": format!("https://www.googleapis.com/storage/v1/{link}"),
        "mediaLink": format!(
            "https://storage.googleapis.com/download/storage/v1/{link}?generation={generation}&alt=media"
        ),
        "name": name,
        "bucket": bucket,
        "generation": generation.to_string(),
        "metageneration": "1",
        "contentType": text(metadata, "contentType").unwrap_or("application/octet-stream"),
        "storageClass": "STANDARD",
        "size": summary.size.to_string(),
        "md5Hash": summary.md5,
        "crc32c": summary.crc32c,
        "etag": format!("{generation:x}"),
        "timeCreated": now,
        "updated": now,
        "timeStorageClassUpdated": now,
    });
    for field in ["contentEncoding", "cacheControl", "metadata"] {
        if !metadata[field].is_null() {
            body[field] = metadata[field].clone();
        }
    }
    body
}

/// An object's name as one segment of a path.
fn encode(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    name.bytes()
        .map(|byte| {
            if plain(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::{ContentRange, encode};

    #[test]
    fn ranges() {
        let range = |first, total| Some(ContentRange { first, total });
        assert_eq!(
            ContentRange::parse("bytes 0-9/100"),
            range(Some(0), Some(100))
        );
        assert_eq!(ContentRange::parse("bytes 5-9/*"), range(Some(5), None));
        assert_eq!(ContentRange::parse("bytes */100"), range(None, Some(100)));
        assert_eq!(ContentRange::parse("bytes */*"), range(None, None));
        for bad in ["", "bytes", "bytes 9-0/10", "bytes a-b/10", "items 0-9/10"] {
            assert_eq!(ContentRange::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_as_one_segment() {
        assert_eq!(encode("a/b c.tar.gz"), "a%2Fb%20c.tar.gz");
    }
}
