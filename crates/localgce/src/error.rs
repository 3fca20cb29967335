//! Refusals in Google's shape and words.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::room::is_full;

/// Insufficient Storage. Google has no answer for it; clients send what is answered by a 503 again,
/// which makes no room.
pub const FULL: u16 = 507;
/// What to do about a full device.
pub const MAKE_ROOM: &str =
    "delete objects, images or disks that are not needed, or make room otherwise";

/// A refusal.
#[derive(Debug)]
pub struct Error {
    /// The HTTP status.
    pub code: u16,
    /// The word that clients match on in `errors[].reason`.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// Messages of google.rpc for programs, each with its `@type`.
    pub details: Vec<Value>,
}

impl Error {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// The same with a message of google.rpc, by the message's name.
    pub fn with_detail(mut self, name: &str, mut detail: Value) -> Self {
        detail["@type"] = format!("type.googleapis.com/google.rpc.{name}").into();
        self.details.push(detail);
        self
    }

    /// The same with google.rpc's `ErrorInfo`.
    pub fn because(self, reason: &str, domain: &str, metadata: &Value) -> Self {
        self.with_detail(
            "ErrorInfo",
            json!({"reason": reason, "domain": domain, "metadata": metadata}),
        )
    }

    /// 400: a value that cannot be.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid", message)
    }

    /// 400: a body that is not of the request's type.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "badRequest", message)
    }

    /// 400: the value of a field cannot be.
    pub fn field(field: &str, value: &str, why: &str) -> Self {
        Self::invalid(format!(
            "Invalid value for field '{field}': '{value}'. {why}"
        ))
    }

    /// 400: a field is missing.
    pub fn required(field: &str) -> Self {
        Self::new(
            400,
            "required",
            format!("Required field '{field}' not specified"),
        )
    }

    /// 400: something else holds the resource.
    pub fn in_use(path: &str, user: &str) -> Self {
        Self::new(
            400,
            "resourceInUseByAnotherResource",
            format!("The resource '{path}' is already being used by '{user}'"),
        )
    }

    /// 400: the resource is not in a state in which this can be done.
    pub fn not_ready(path: &str, why: &str) -> Self {
        Self::new(
            400,
            "resourceNotReady",
            format!("The resource '{path}' is not ready: {why}"),
        )
    }

    /// 400: what the request asks for does not fit the state of things (Secret Manager).
    pub fn precondition(message: impl Into<String>) -> Self {
        Self::new(400, "failedPrecondition", message)
    }

    /// 401.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(401, "authError", message)
    }

    /// 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "forbidden", message)
    }

    /// 403: the API is not to be used in the project.
    pub fn not_configured(message: impl Into<String>) -> Self {
        Self::new(403, "accessNotConfigured", message)
    }

    /// 403: nobody pays for the bucket's project (Cloud Storage).
    pub fn account_disabled() -> Self {
        Self::new(
            403,
            "accountDisabled",
            "The billing account for the owning project is disabled in state absent",
        )
    }

    /// 404, by the resource's path.
    pub fn not_found(path: &str) -> Self {
        Self::missing(format!("The resource '{path}' was not found"))
    }

    /// 404, in words.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(404, "notFound", message)
    }

    /// 409, by the resource's path.
    pub fn already_exists(path: &str) -> Self {
        Self::conflict(
            "alreadyExists",
            format!("The resource '{path}' already exists"),
        )
    }

    /// 409: somebody else has changed it meanwhile.
    pub fn aborted(message: impl Into<String>) -> Self {
        Self::new(409, "aborted", message)
    }

    /// 409, in words.
    pub fn conflict(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(409, reason, message)
    }

    /// 412: somebody else was quicker.
    pub fn fingerprint(what: &str) -> Self {
        Self::new(
            412,
            "conditionNotMet",
            format!("Supplied fingerprint does not match current {what} fingerprint."),
        )
    }

    /// 412, in words.
    pub fn condition(message: impl Into<String>) -> Self {
        Self::new(412, "conditionNotMet", message)
    }

    /// 416: a range that begins behind the end.
    pub fn range() -> Self {
        Self::new(
            416,
            "requestedRangeNotSatisfiable",
            "Request range not satisfiable",
        )
    }

    /// 500: the engine's own mistake, of which a client need not know more.
    pub fn internal() -> Self {
        Self::new(500, "backendError", "Internal error encountered.")
    }

    /// 503: not now; the same request may succeed later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "backendError", message)
    }

    /// Whether the engine's device is full.
    pub fn is_full(&self) -> bool {
        self.code == FULL
    }

    /// The status as gRPC calls it.
    fn status(&self) -> &'static str {
        match self.code {
            400 if self.reason == "failedPrecondition" => "FAILED_PRECONDITION",
            400 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            409 if self.reason == "aborted" => "ABORTED",
            409 => "ALREADY_EXISTS",
            412 => "FAILED_PRECONDITION",
            503 => "UNAVAILABLE",
            FULL => "RESOURCE_EXHAUSTED",
            _ => "INTERNAL",
        }
    }

    fn respond(self, mut error: Value) -> Response {
        if !self.details.is_empty() {
            error["status"] = self.status().into();
            error["details"] = self.details.into();
        }
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (code, Json(json!({"error": error}))).into_response()
    }
}

/// As Compute Engine and Cloud Storage say it.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let domain = match self.reason {
            "accessNotConfigured" => "usageLimits",
            _ => "global",
        };
        let cause = json!({"message": self.message, "domain": domain, "reason": self.reason});
        let mut error = json!({"code": self.code, "message": self.message, "errors": [cause]});
        if self.reason == "badRequest" {
            error["status"] = self.status().into();
        }
        self.respond(error)
    }
}

/// The engine's own failure.
impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        if is_full(&error) {
            let message = format!("localgce: no space left on the device: {error:#}: {MAKE_ROOM}");
            return Self::new(FULL, "insufficientStorage", message);
        }
        Self::new(500, "backendError", format!("localgce: {error:#}"))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        anyhow::Error::from(error)
            .context("using the engine's database")
            .into()
    }
}

/// A refusal as the newer APIs say it: with gRPC's status.
#[derive(Debug)]
pub struct Status(pub Error);

impl<E: Into<Error>> From<E> for Status {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Status {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let body = json!({
            "code": error.code, "message": error.message, "status": error.status(),
        });
        error.respond(body)
    }
}
