//! Bodies of several parts: batches of calls, and uploads of metadata with contents.

use crate::exchange::{Content, Exchange};
use crate::finding::Finding;

/// The calls of a batch: <https://cloud.google.com/compute/docs/api/how-tos/batch>.
pub(crate) fn batch(exchange: &Exchange) -> Result<Vec<Exchange>, Finding> {
    let wrong = |message: String| Finding::new("batch", message);
    if exchange.status.is_some_and(|status| status != 200) {
        return Err(wrong("was refused as a whole".into()));
    }
    let requests = split(&exchange.request).map_err(wrong)?;
    let answered = exchange.status.is_some() && exchange.response.whole;
    let answers = if answered {
        split(&exchange.response).map_err(wrong)?
    } else {
        Vec::new()
    };
    if answered && answers.len() != requests.len() {
        let message = format!("has {} calls and {} answers", requests.len(), answers.len());
        return Err(wrong(message));
    }
    let mut calls = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        let request = Message::read(&request.bytes)
            .ok_or_else(|| wrong(format!("has no request in part {n}")))?;
        let mut start = request.start.split(' ');
        let mut call = Exchange {
            sender: exchange.sender,
            method: start.next().unwrap_or_default().into(),
            target: start.next().unwrap_or_default().into(),
            request: request.content,
            status: None,
            response: Content::default(),
            partial: exchange.partial,
        };
        if let Some(answer) = answers.get(n) {
            let answer = Message::read(&answer.bytes)
                .ok_or_else(|| wrong(format!("has no answer in part {n}")))?;
            let status = answer.start.split(' ').nth(1);
            call.status = status.and_then(|status| status.parse().ok());
            call.response = answer.content;
        }
        calls.push(call);
    }
    Ok(calls)
}

/// The metadata of a multipart upload: the first of its two parts.
pub(crate) fn metadata(content: &Content) -> Result<Content, String> {
    // The contents may be longer than what is kept, and the metadata come first.
    let boundary = boundary(&content.kind).ok_or("is not multipart")?;
    let text = String::from_utf8_lossy(&content.bytes);
    let part = text
        .split(&format!("--{boundary}"))
        .nth(1)
        .ok_or("has no part with metadata")?;
    Message::body(part.trim_start_matches("\r\n").trim_start_matches('\n'))
        .ok_or_else(|| "has no part with metadata".into())
}

/// The parts of a multipart body.
fn split(content: &Content) -> Result<Vec<Content>, String> {
    let boundary = boundary(&content.kind).ok_or("is not multipart")?;
    if !content.is_kept() {
        return Err("is not whole".into());
    }
    let text = String::from_utf8(content.bytes.clone()).map_err(|_| "is not UTF-8")?;
    let separator = format!("--{boundary}");
    let mut parts: Vec<_> = text.split(&separator).skip(1).collect();
    match parts.pop() {
        Some(end) if end.starts_with("--") => {}
        _ => return Err("does not end with its boundary".into()),
    }
    parts
        .into_iter()
        .map(|part| {
            let part = part.trim_start_matches("\r\n").trim_start_matches('\n');
            Message::body(part).ok_or_else(|| "has a part without a header".into())
        })
        .collect()
}

fn boundary(kind: &str) -> Option<&str> {
    let (multipart, rest) = kind.split_once(';')?;
    multipart.trim().strip_prefix("multipart/")?;
    let (_, boundary) = rest.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?;
    Some(boundary.trim().trim_matches(['"', '\'']))
}

/// A request or an answer as it is written in a part.
struct Message {
    start: String,
    content: Content,
}

impl Message {
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (start, rest) = text.split_once('\n')?;
        Some(Self {
            start: start.trim().into(),
            content: Self::body(rest)?,
        })
    }

    /// Headers, an empty line, and what follows them.
    fn body(text: &str) -> Option<Content> {
        let mut kind = "";
        let mut rest = text;
        loop {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = after;
            let line = line.trim();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("content-type") {
                kind = value.trim();
            }
        }
        Some(Content::new(kind, rest.trim_end_matches(['\r', '\n'])))
    }
}
