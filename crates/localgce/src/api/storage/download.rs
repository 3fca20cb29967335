//! Contents, on their way out.

use std::io::SeekFrom;
use std::ops::Range;

use anyhow::Context;
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::super::call::Call;
use super::super::handler::raw;
use super::super::method::{self, Method};
use crate::engine::storage::{Preconditions, objects};
use crate::error::Error;

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "storage.objects.get",
            "download/storage/v1/b/{bucket}/o/{object}",
        )
        .needs("storage.objects.get", raw(|call, _| content(call))),
    ]
}

#[derive(Deserialize)]
struct DownloadQuery {
    generation: Option<u64>,
}

/// The content, or the part of it that the client asks for.
pub async fn content(call: Call) -> Result<Response, Error> {
    let query: DownloadQuery = call.query()?;
    let conditions: Preconditions = call.query()?;
    let (bucket, name) = (call.variable("bucket"), call.name());
    let object = call
        .engine
        .store
        .transaction(|tx| objects::find(tx, bucket, name, query.generation))?;
    conditions.check(Some(&object.body))?;
    let text = |field: &str| object.body[field].as_str().unwrap_or_default().to_owned();
    let size = text("size").parse().map_err(anyhow::Error::from)?;
    let range = call
        .headers
        .get(RANGE)
        .and_then(|range| range.to_str().ok());
    let (part, status) = match range.and_then(|range| parse_range(range, size)) {
        Some(part) if part.is_empty() => return Err(Error::range()),
        Some(part) => (part, StatusCode::PARTIAL_CONTENT),
        None => (0..size, StatusCode::OK),
    };
    let path = call.engine.content_file(&object.file);
    let open = async || {
        let mut file = File::open(&path).await?;
        file.seek(SeekFrom::Start(part.start)).await?;
        Ok::<_, std::io::Error>(file.take(part.end - part.start))
    };
    let file = open()
        .await
        .with_context(|| format!("opening {}", path.display()))?;
    let headers = [
        (CONTENT_TYPE.as_str(), text("contentType")),
        (CONTENT_LENGTH.as_str(), (part.end - part.start).to_string()),
        ("x-goog-hash", hashes(&object.body)),
        ("x-goog-generation", object.generation.to_string()),
        ("x-goog-metageneration", text("metageneration")),
        ("x-goog-storage-class", text("storageClass")),
        ("x-goog-stored-content-length", size.to_string()),
    ];
    let body = Body::from_stream(ReaderStream::new(file));
    let mut response = (status, headers, body).into_response();
    if let Some(encoding) = object.body["contentEncoding"].as_str() {
        let encoding = encoding.parse().map_err(anyhow::Error::from)?;
        response.headers_mut().insert(CONTENT_ENCODING, encoding);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        let range = range.parse().map_err(anyhow::Error::from)?;
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
    Ok(response)
}

/// The sums of the whole content; one that is composed of others has no MD5.
fn hashes(object: &Value) -> String {
    let sums = [("crc32c", "crc32c"), ("md5", "md5Hash")];
    let sums = sums
        .iter()
        .filter_map(|(name, field)| Some(format!("{name}={}", object[field].as_str()?)));
    sums.collect::<Vec<_>>().join(",")
}

/// `bytes=5-`, `bytes=5-9` and `bytes=-5`, the last five; anything else counts as no range, as HTTP
/// allows.
fn parse_range(text: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        return Some(size.saturating_sub(last.parse().ok()?)..size);
    }
    let end = if last.is_empty() {
        size
    } else {
        last.parse::<u64>().ok()?.checked_add(1)?
    };
    Some(first.parse().ok()?..end.min(size))
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn ranges_of_a_content() {
        assert_eq!(parse_range("bytes=1-", 5), Some(1..5));
        assert_eq!(parse_range("bytes=1-2", 5), Some(1..3));
        assert_eq!(parse_range("bytes=1-9", 5), Some(1..5));
        assert_eq!(parse_range("bytes=-2", 5), Some(3..5));
        assert_eq!(parse_range("lines=1-2", 5), None);
    }
}
