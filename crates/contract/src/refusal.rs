//! Errors: <https://cloud.google.com/apis/design/errors#http_mapping>, and for Compute Engine and Cloud
//! Storage the older shape with `errors`.

use serde_json::Value;

use crate::finding::Finding;

/// gRPC's names of statuses, by HTTP status.
const STATUSES: [(u16, &[&str]); 11] = [
    (
        400,
        &["INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"],
    ),
    (401, &["UNAUTHENTICATED"]),
    (403, &["PERMISSION_DENIED"]),
    (404, &["NOT_FOUND"]),
    (409, &["ALREADY_EXISTS", "ABORTED"]),
    (412, &["FAILED_PRECONDITION"]),
    (429, &["RESOURCE_EXHAUSTED"]),
    (499, &["CANCELLED"]),
    (500, &["INTERNAL", "UNKNOWN", "DATA_LOSS"]),
    (503, &["UNAVAILABLE"]),
    (504, &["DEADLINE_EXCEEDED"]),
];

/// The body of an answer with a status of 400 or above.
pub(crate) fn check(api: &str, status: u16, body: &Value, findings: &mut Vec<Finding>) {
    let mut say = |at: &str, message: String| {
        findings.push(Finding::new(format!("response{at}"), message));
    };
    // OAuth 2 has words of its own (RFC 6749, 5.2).
    if api == "sts" {
        if !body.get("error").is_some_and(Value::is_string) {
            say(".error", "is no string".into());
        }
        return;
    }
    let Some(error) = body.get("error").and_then(Value::as_object) else {
        return say("", "is an error without an object error".into());
    };
    let text = |field: &str| error.get(field).and_then(Value::as_str);
    if error.get("code").and_then(Value::as_u64) != Some(status.into()) {
        say(".error.code", format!("is not the status, {status}"));
    }
    if text("message").is_none_or(str::is_empty) {
        say(".error.message", "is missing".into());
    }
    let names = STATUSES
        .iter()
        .find(|(code, _)| *code == status)
        .map_or(&[][..], |(_, names)| names);
    match text("status") {
        Some(name) if !names.contains(&name) => {
            say(
                ".error.status",
                format!("{name:?} does not go with {status}"),
            );
        }
        None if !is_old(api) => say(".error.status", "is missing".into()),
        _ => {}
    }
    let Some(errors) = error.get("errors").and_then(Value::as_array) else {
        if is_old(api) {
            say(".error.errors", "is missing".into());
        }
        return;
    };
    if errors.is_empty() {
        say(".error.errors", "is empty".into());
    }
    for (n, error) in errors.iter().enumerate() {
        for field in ["message", "reason", "domain"] {
            if !error.get(field).is_some_and(Value::is_string) {
                say(&format!(".error.errors[{n}].{field}"), "is missing".into());
            }
        }
    }
}

/// Whether an API's errors have the older shape.
fn is_old(api: &str) -> bool {
    matches!(api, "compute" | "storage")
}
