//! Several requests in one, as `multipart/mixed`: how gcloud asks for the images of many projects.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Request};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;
use tower::ServiceExt;

use crate::engine::Engine;
use crate::error::Error;
use crate::store::new_id;

/// Google's limit: <https://cloud.google.com/compute/docs/api/how-tos/batch>.
const LARGEST: usize = 1000;

/// Bytes of a batch, as Google has it for Cloud Storage's:
/// <https://cloud.google.com/storage/docs/batch>.
pub const LIMIT: usize = 10 << 20;

/// Above what any answer here has.
const ANSWER_LIMIT: usize = 64 << 20;

/// Bytes of the answer that wait for the client.
const BUFFER: usize = 64 << 10;

/// One request of a batch.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    id: Option<&'a str>,
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

/// All APIs, which answer the parts.
pub type Apis = fn(&Arc<Engine>) -> Router;

/// Answers each part as if it had come alone.
pub async fn batch(
    State(engine): State<Arc<Engine>>,
    Extension(apis): Extension<Apis>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|t| t.to_str().ok());
    let boundary = content_type.and_then(boundary).ok_or_else(|| {
        Error::malformed("Failed to parse batch request: it is no multipart/mixed with a boundary.")
    })?;
    let text = std::str::from_utf8(&body).ok();
    let parts = text
        .and_then(|text| parse(text, boundary))
        .ok_or_else(malformed)?;
    if parts.len() > LARGEST {
        return Err(Error::malformed(format!(
            "The batch request has more than {LARGEST} parts."
        )));
    }
    let caller = headers.get(AUTHORIZATION);
    let requests: Vec<_> = parts
        .iter()
        .map(|part| (part.id.map(str::to_owned), request(part, caller)))
        .collect();
    let router = apis(&engine);
    let boundary = format!("batch_{:016x}", new_id());
    let content_type = format!("multipart/mixed; boundary={boundary}");
    // The whole answer may be a thousand lists: the client takes each before the next one is made.
    let (reader, mut writer) = tokio::io::duplex(BUFFER);
    tokio::spawn(async move {
        for (id, request) in requests {
            let id = id.map(|id| format!("Content-ID: <response-{id}>\r\n"));
            let head = format!(
                "--{boundary}\r\nContent-Type: application/http\r\n{}\r\n",
                id.unwrap_or_default()
            );
            let answer = answer(&router, request).await;
            // Also for a client that is gone the rest is done.
            writer.write_all((head + &answer).as_bytes()).await.ok();
        }
        let end = format!("--{boundary}--\r\n");
        writer.write_all(end.as_bytes()).await.ok();
    });
    let body = Body::from_stream(ReaderStream::new(reader));
    Ok(([(CONTENT_TYPE, content_type)], body).into_response())
}

fn malformed() -> Error {
    Error::malformed("Failed to parse batch request: a part is no HTTP request.")
}

/// What a part is answered, as it stands on the wire.
async fn answer(router: &Router, request: Result<Request<Body>, Error>) -> String {
    let response = match request {
        Ok(request) => router
            .clone()
            .oneshot(request)
            .await
            .unwrap_or_else(|never| match never {}),
        Err(error) => error.into_response(),
    };
    match written(response).await {
        Ok(answer) => answer,
        Err(_) => written(Error::internal().into_response())
            .await
            .unwrap_or_default(),
    }
}

/// A part as a request of its own, by the caller of the batch unless it says otherwise.
pub fn request(part: &Part, caller: Option<&HeaderValue>) -> Result<Request<Body>, Error> {
    // Google's clients write the whole URL.
    let path = match part.path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => part.path,
    };
    if !path.starts_with("/compute/v1/") {
        return Err(Error::not_found(path));
    }
    let mut builder = Request::builder().method(part.method).uri(path);
    for (name, value) in &part.headers {
        builder = builder.header(*name, *value);
    }
    let mut request = builder
        .body(Body::from(part.body.to_owned()))
        .map_err(|_| malformed())?;
    if let Some(caller) = caller {
        let headers = request.headers_mut();
        headers
            .entry(AUTHORIZATION)
            .or_insert_with(|| caller.clone());
    }
    Ok(request)
}

/// A response as it stands on the wire.
async fn written(response: Response) -> Result<String, Error> {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, ANSWER_LIMIT)
        .await
        .map_err(anyhow::Error::from)?;
    let headers: String = parts
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap_or_default()))
        .collect();
    Ok(format!(
        "HTTP/1.1 {}\r\n{headers}\r\n{}\r\n",
        parts.status,
        String::from_utf8_lossy(&body)
    ))
}

pub fn boundary(content_type: &str) -> Option<&str> {
    let rest = content_type.strip_prefix("multipart/mixed")?;
    let (_, boundary) = rest.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?;
    let boundary = boundary.trim().trim_matches('"');
    // RFC 2046.
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// The parts of a batch; none if one of them is no request.
pub fn parse<'a>(text: &'a str, boundary: &str) -> Option<Vec<Part<'a>>> {
    let delimiter = format!("--{boundary}");
    text.split(delimiter.as_str())
        .skip(1)
        .take_while(|part| !part.starts_with("--"))
        .take(LARGEST + 1)
        .map(parse_part)
        .collect()
}

fn parse_part(text: &str) -> Option<Part<'_>> {
    let (outer, inner) = head(text.trim_start_matches(['\r', '\n']))?;
    let mut lines = inner.trim_start().splitn(2, '\n');
    let mut words = lines.next()?.split_whitespace();
    let (method, path) = (words.next()?, words.next()?);
    // A request without headers may end with its first line.
    let rest = lines.next().unwrap_or_default();
    let (headers, body) = match rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')) {
        Some(body) => (Vec::new(), body),
        None => head(rest).unwrap_or_default(),
    };
    let own = |name: &str| !["host", "content-length"].contains(&name.to_lowercase().as_str());
    Some(Part {
        id: outer
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-id"))
            .map(|(_, id)| id.trim_start_matches('<').trim_end_matches('>')),
        method,
        path,
        headers: headers.into_iter().filter(|(name, _)| own(name)).collect(),
        body: body.trim(),
    })
}

type Head<'a> = (Vec<(&'a str, &'a str)>, &'a str);

/// Header lines, and what follows the blank line behind them.
fn head(text: &str) -> Option<Head<'_>> {
    let mut headers = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, next) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = next;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.trim(), value.trim()));
    }
    Some((headers, rest))
}

#[cfg(test)]
mod tests {
    use super::{boundary, parse};

    #[test]
    fn batches_as_googles_clients_write_them() {
        let text = "--===1==\nContent-Type: application/http\nMIME-Version: 1.0\n\
            Content-ID: <a+0>\n\nGET /compute/v1/projects/p/global/images?alt=json HTTP/1.1\n\
            Content-Type: application/json\nHost: \n\n\n--===1==\r\n\
            Content-Type: application/http\r\n\r\nPOST /x HTTP/1.1\r\n\r\n{}\r\n--===1==--\n";
        let content_type = "multipart/mixed; boundary=\"===1==\"";
        let parts = parse(text, boundary(content_type).unwrap()).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].id, parts[0].method), (Some("a+0"), "GET"));
        assert_eq!(
            parts[0].path,
            "/compute/v1/projects/p/global/images?alt=json"
        );
        assert_eq!(parts[0].headers, [("Content-Type", "application/json")]);
        assert_eq!((parts[1].method, parts[1].body), ("POST", "{}"));
        assert_eq!(parse("--b\nnonsense\n--b--", "b"), None);
    }
}
