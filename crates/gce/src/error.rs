use std::fmt;

use reqwest::StatusCode;
use serde::Deserialize;

/// What every call returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed, and what was being done.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {message}{}", Suffix(self))]
pub struct Error {
    /// What a caller may act on.
    pub kind: Kind,
    /// What was being attempted, such as `inserting image golden`.
    pub what: String,
    /// The HTTP status; for a failed operation, the one that the operation carries.
    pub status: Option<u16>,
    /// Google's reason, such as `notFound`, `SERVICE_DISABLED` or `QUOTA_EXCEEDED`.
    pub reason: Option<String>,
    /// Google's message, or that of the library below.
    pub message: String,
}

/// Failures by what a caller can do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No such resource (404), or one that has been deleted (410).
    NotFound,
    /// A resource of that name exists. After a lost answer, the caller may have created it.
    AlreadyExists,
    /// Any other 409, such as a bucket name that is taken.
    Conflict,
    /// The caller lacks a permission (403).
    PermissionDenied,
    /// The caller is unknown (401), or has no credentials.
    Unauthenticated,
    /// The resource has another state, etag or fingerprint than the request requires.
    PreconditionFailed,
    /// Too many requests, even after retries.
    RateLimited,
    /// The request itself is wrong.
    Invalid,
    /// No answer or a transient server error, even after retries.
    Unavailable,
    /// The request was accepted, and then its operation failed.
    Operation,
    /// An operation did not finish in time. It may still succeed.
    Timeout,
    /// A response that cannot be read or has a wrong checksum.
    Corrupt,
    /// A local file or stream.
    Io,
    /// Any other status.
    Other,
}

impl Error {
    pub(crate) fn new(kind: Kind, what: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            status: None,
            reason: None,
            message: message.into(),
        }
    }

    /// A response with an error status.
    pub(crate) fn from_response(what: &str, status: StatusCode, body: &[u8]) -> Self {
        let (reason, message) = match serde_json::from_slice::<ErrorBody>(body) {
            Ok(ErrorBody { error }) => (error.reason(), error.message),
            Err(_) => (None, first_line(body)),
        };
        let message = if message.is_empty() {
            "no message came with it".into()
        } else {
            message
        };
        let kind = kind_of(status, reason.as_deref().unwrap_or_default());
        Self {
            kind,
            what: what.into(),
            status: Some(status.as_u16()),
            reason,
            message,
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::Unavailable | Kind::RateLimited)
    }

    /// What to do about it, if known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match (self.reason.as_deref().unwrap_or_default(), self.kind) {
            ("SERVICE_DISABLED" | "accessNotConfigured", _) => Some(
                "enable that API in the project: `gcloud services enable API --project=PROJECT`",
            ),
            (reason, _) if reason.contains("BILLING") => Some(
                "link an open billing account to the project: `gcloud billing projects link PROJECT`",
            ),
            ("QUOTA_EXCEEDED" | "quotaExceeded", _) => {
                Some("delete what is not needed, use another region, or ask for more quota")
            }
            (reason, _) if reason.starts_with("ZONE_RESOURCE_POOL_EXHAUSTED") => Some(
                "the zone has no machine of that type left: try another zone or type, or later",
            ),
            (_, Kind::Unauthenticated) => {
                Some("log in with `gcloud auth application-default login`, or check the token")
            }
            (_, Kind::PermissionDenied) if names_permission(&self.message) => Some(
                "grant the calling account the permission that the message names, or call as one that \
                 has it",
            ),
            (_, Kind::PermissionDenied) => Some(
                "check the project, the billing account if one is named, and who is calling: Google \
                 says no more",
            ),
            (_, Kind::PreconditionFailed) => {
                Some("read the resource again, then repeat the change")
            }
            (_, Kind::RateLimited) => Some("wait a minute, then try again"),
            (_, Kind::Unavailable) => Some("check that the endpoint is up and can be reached"),
            _ => None,
        }
    }
}

/// Whether a message holds the name of a permission, such as 'compute.disks.get'.
fn names_permission(message: &str) -> bool {
    let letters = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphabetic());
    message
        .split('\'')
        .any(|word| word.split('.').count() == 3 && word.split('.').all(letters))
}

/// The status and reason, in parentheses.
struct Suffix<'a>(&'a Error);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.status, &self.0.reason) {
            (Some(status), Some(reason)) => write!(f, " (HTTP {status}, {reason})"),
            (Some(status), None) => write!(f, " (HTTP {status})"),
            (None, Some(reason)) => write!(f, " ({reason})"),
            (None, None) => Ok(()),
        }
    }
}

pub(crate) fn kind_of(status: StatusCode, reason: &str) -> Kind {
    match (status.as_u16(), reason) {
        // Compute Engine answers 403 when a rate quota is used up
        // (https://cloud.google.com/docs/quotas/troubleshoot).
        (429, _) | (403, "rateLimitExceeded" | "userRateLimitExceeded" | "RATE_LIMIT_EXCEEDED") => {
            Kind::RateLimited
        }
        (412, _) | (400, "FAILED_PRECONDITION") | (409, "ABORTED") => Kind::PreconditionFailed,
        (409, "alreadyExists" | "ALREADY_EXISTS") => Kind::AlreadyExists,
        (400, _) => Kind::Invalid,
        (401, _) => Kind::Unauthenticated,
        (403, _) => Kind::PermissionDenied,
        (404 | 410, _) => Kind::NotFound,
        (409, _) => Kind::Conflict,
        (408 | 500 | 502 | 503 | 504, _) => Kind::Unavailable,
        _ => Kind::Other,
    }
}

/// Both of Google's shapes: Compute Engine and Storage list `errors` with reasons, Secret Manager
/// has a `status` and, for some, an `ErrorInfo` among its `details`.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    message: String,
    status: Option<String>,
    #[serde(default)]
    errors: Vec<Reason>,
    #[serde(default)]
    details: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    reason: Option<String>,
}

impl ErrorDetail {
    /// Its most specific reason.
    fn reason(&self) -> Option<String> {
        self.details
            .iter()
            .chain(&self.errors)
            .find_map(|item| item.reason.clone())
            .or_else(|| self.status.clone())
    }
}

/// The start of a body that is not JSON, such as a proxy's page.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.trim()
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        Error::from_response("getting image x", status, body.as_bytes())
    }

    #[test]
    fn a_hint_speaks_of_a_permission_where_one_is_named() {
        let hint = |message: &str, reason: &str| {
            let body = serde_json::json!({"error": {"message": message, "status": "PERMISSION_DENIED",
                "details": [{"reason": reason}]}});
            error(403, &body.to_string()).hint().unwrap()
        };
        let named = "Required 'compute.disks.get' permission for 'projects/p/zones/z/disks/d'";
        assert!(hint(named, "").contains("the permission that the message names"));
        let unnamed = "Permission denied on resource project p.";
        assert!(hint(unnamed, "CONSUMER_INVALID").contains("who is calling"));
        assert!(hint("x", "BILLING_DISABLED").contains("billing account"));
    }

    #[test]
    fn both_shapes_of_google_are_read() {
        let compute = error(
            404,
            r#"{"error":{"code":404,"message":"no x","errors":[{"message":"no x","domain":"global","reason":"notFound"}]}}"#,
        );
        assert_eq!(
            compute.to_string(),
            "getting image x: no x (HTTP 404, notFound)"
        );
        assert_eq!(compute.kind, Kind::NotFound);
        let disabled = error(
            403,
            r#"{"error":{"code":403,"message":"off","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED"}]}}"#,
        );
        assert_eq!(disabled.kind, Kind::PermissionDenied);
        assert!(disabled.hint().unwrap().contains("enable"));
    }

    #[test]
    fn a_page_that_is_not_json_is_quoted_in_part() {
        let proxy = error(502, &format!("<html>bad gateway{}\nmore", "x".repeat(500)));
        assert_eq!(proxy.kind, Kind::Unavailable);
        assert!(proxy.message.starts_with("<html>bad gateway") && proxy.message.len() == 200);
    }

    #[test]
    fn conflicts_are_told_apart() {
        let body = |reason| format!(r#"{{"error":{{"errors":[{{"reason":"{reason}"}}]}}}}"#);
        assert_eq!(error(409, &body("alreadyExists")).kind, Kind::AlreadyExists);
        assert_eq!(error(409, &body("conflict")).kind, Kind::Conflict);
        let aborted = error(409, r#"{"error":{"status":"ABORTED"}}"#);
        assert_eq!(aborted.kind, Kind::PreconditionFailed);
        assert_eq!(
            error(403, &body("rateLimitExceeded")).kind,
            Kind::RateLimited
        );
        assert_eq!(error(403, &body("forbidden")).kind, Kind::PermissionDenied);
    }
}
