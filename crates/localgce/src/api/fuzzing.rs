//! What the fuzzers in `fuzz/` reach of the engine. None of it returns anything: it must come back, soon,
//! and without a panic.

use serde_json::{Value, json};

use super::compute::batch as parts;
use super::filter::Filter;
use super::storage::multipart as related;
use super::{body as json_body, condition as conditions};
use crate::engine::storage::ContentRange;
pub use crate::metadata::fuzzing::metadata;

/// Reads a filter, and asks it about a resource.
pub fn filter(text: &str) {
    if let Ok(filter) = Filter::parse(text) {
        filter.holds(&json!({
            "name": "a-name", "sizeGb": "20", "labels": {"app": "web"},
            "disks": [{"deviceName": "boot"}, {"deviceName": "state"}],
        }));
    }
}

/// Judges a condition, and what it says of a resource.
pub fn condition(expression: &str) {
    let sound = conditions::flaw(expression).is_none();
    let holds = conditions::holds(expression, "projects/417203886551/secrets/clawbake-test-1");
    assert!(sound || !holds);
}

/// Reads a `Content-Range`.
pub fn content_range(header: &str) {
    ContentRange::parse(header);
}

/// Reads a body, and what is kept of it again.
pub fn body(text: &[u8]) {
    if let Ok(value) = json_body::parse::<Value>(text) {
        let kept = json!({"a": [{"b": value}]}).to_string();
        serde_json::from_str::<Value>(&kept).expect("what is kept is read again");
    }
}

/// Takes an upload apart, with its boundary in the first line.
pub fn multipart(text: &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n');
    let (head, body) = text.split_at(end.unwrap_or(0));
    let head = String::from_utf8_lossy(head);
    if let Some(boundary) = related::boundary(&head) {
        let tail = body.len().saturating_sub(boundary.len() + 24);
        let parts = related::split(body, &body[tail..], tail as u64, boundary);
        if let Some(content) = parts.map(|parts| parts.content) {
            assert!(content.start <= content.end && content.end <= body.len() as u64);
        }
    }
}

/// Takes a batch apart, with its content type in the first line, and makes requests of it.
pub fn batch(text: &str) {
    let (content_type, body) = text.split_once('\n').unwrap_or_default();
    let boundary = parts::boundary(content_type).unwrap_or("b");
    for part in parts::parse(body, boundary).into_iter().flatten() {
        parts::request(&part, None).ok();
    }
}
