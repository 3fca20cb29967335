//! Operations of the APIs other than Compute Engine. They share one shape, which differs from Compute
//! Engine's, and have no call that waits.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::{Client, Error, Kind, Result, endpoints::join, error::kind_of, transport::Call};

/// Creating a project takes up to a minute, enabling an API up to a few.
const DEADLINE: Duration = Duration::from_mins(10);
/// The longest pause between two polls.
const PAUSE: Duration = Duration::from_secs(5);

/// A change that an API has accepted.
#[derive(Debug, Deserialize)]
pub(crate) struct LongRunning {
    /// `operations/...`, unique within its API.
    #[serde(default)]
    name: String,
    #[serde(default)]
    done: bool,
    error: Option<Status>,
}

/// Why it failed, as a gRPC status.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Status {
    /// A `google.rpc.Code`.
    code: u16,
    message: String,
    details: Vec<Value>,
}

impl Client {
    /// Sends a call that returns an operation, and polls it below `base`/`version` until it is done, at
    /// most ten minutes. A failed operation is an error of [`Kind::Operation`], or of
    /// [`Kind::AlreadyExists`].
    pub(crate) async fn run(
        &self,
        call: Call,
        (base, version): (&str, &str),
        what: &str,
    ) -> Result<()> {
        let mut operation: LongRunning = self.send(call, what).await?;
        let waiting = async {
            let mut pause = self.transport.policy.first;
            while !operation.done {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE);
                let path = [version].into_iter().chain(operation.name.split('/'));
                let what = format!("{what}: waiting for {}", operation.name);
                let call = Call::new(Method::GET, join(base, path)?, &what);
                operation = self.send(call, &what).await?;
            }
            Ok(operation.error.take())
        };
        match tokio::time::timeout(DEADLINE, waiting).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(status))) => Err(failed(status, what)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::new(
                Kind::Timeout,
                what,
                format!(
                    "not done after {} s; it goes on without us",
                    DEADLINE.as_secs()
                ),
            )),
        }
    }
}

fn failed(status: Status, what: &str) -> Error {
    let http = http_status(status.code);
    let kind = match kind_of(http, "") {
        Kind::Conflict => Kind::AlreadyExists,
        _ => Kind::Operation,
    };
    let word = |detail: &Value| detail["reason"].as_str().map(str::to_owned);
    Error {
        status: Some(http.as_u16()),
        reason: status.details.iter().find_map(word),
        ..Error::new(kind, what, status.message)
    }
}

/// The HTTP status that google/rpc/code.proto gives for a code.
fn http_status(code: u16) -> StatusCode {
    match code {
        3 | 9 | 11 => StatusCode::BAD_REQUEST,
        5 => StatusCode::NOT_FOUND,
        6 | 10 => StatusCode::CONFLICT,
        7 => StatusCode::FORBIDDEN,
        8 => StatusCode::TOO_MANY_REQUESTS,
        16 => StatusCode::UNAUTHORIZED,
        14 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
