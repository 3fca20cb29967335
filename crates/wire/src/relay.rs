use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::engine_dir;
use crate::exchange::Passing;
use crate::fault::{Asked, Fault};
use crate::ledger::Ledger;
use crate::operation::Operations;
use crate::tee::Tee;

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;
pub(crate) type Decide = dyn Fn(&Asked) -> Option<Fault> + Send + Sync;

/// Forwards requests and answers, injects faults, and checks every exchange.
pub(crate) struct Relay {
    pub engine: PathBuf,
    pub faults: Mutex<(usize, Arc<Decide>)>,
    pub ledger: Arc<Ledger>,
    pub operations: Mutex<Operations>,
}

/// The connection must be reset.
#[derive(Debug)]
pub(crate) struct Reset(String);

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Reset {}

impl Relay {
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Reset> {
        let mut passing = Passing::new(Arc::clone(&self.ledger), &request);
        let path = request.uri().path().to_owned();
        if let Some(operation) = self.operations.lock().unwrap().ended(&path).cloned() {
            return Ok(invented(passing, StatusCode::OK, &operation));
        }
        let fault = self.decide(request.method().as_str(), &path);
        passing.fault = fault.as_ref().map(Fault::name);
        match fault {
            None => self.forward(passing, request).await,
            Some(Fault::Refused) => Err(Reset("refused, as asked for".into())),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Status(status)) => {
                let status = StatusCode::from_u16(status).expect("a status of HTTP");
                Ok(invented(passing, status, &refusal(status)))
            }
            Some(Fault::OperationError { code, message }) => {
                let method = request.method().clone();
                let copy = Arc::clone(&passing.request);
                let body = Tee::new(request.into_body(), copy, ()).collect().await;
                let body = body.map_err(|error| reset(&error))?.to_bytes();
                let operation = self.operations.lock().unwrap().invent(
                    method.as_str(),
                    &path,
                    &body,
                    &code,
                    &message,
                );
                Ok(invented(passing, StatusCode::OK, &operation))
            }
            Some(Fault::AnswerLost) => {
                let answer = self.forward(passing, request).await?;
                whole(answer).await?;
                Err(Reset("the answer is lost, as asked for".into()))
            }
            Some(Fault::Then(action)) => {
                let answer = whole(self.forward(passing, request).await?).await?;
                tokio::task::spawn_blocking(action)
                    .await
                    .map_err(|error| reset(&error))?;
                Ok(answer)
            }
        }
    }

    fn decide(&self, method: &str, path: &str) -> Option<Fault> {
        let (nth, decide) = {
            let mut faults = self.faults.lock().unwrap();
            faults.0 += 1;
            (faults.0, Arc::clone(&faults.1))
        };
        decide(&Asked { nth, method, path })
    }

    async fn forward(
        &self,
        mut passing: Passing,
        request: Request<Incoming>,
    ) -> Result<Answer, Reset> {
        let copy = Arc::clone(&passing.request);
        let request = request.map(|body| Tee::new(body, copy, ()));
        let response = send(&self.engine, request)
            .await
            .map_err(|error| Reset(format!("{error:#}")))?;
        passing.answered(&response);
        let copy = Arc::clone(&passing.response);
        Ok(response.map(|body| Tee::new(body, copy, passing).boxed_unsync()))
    }
}

/// Sends a request to the engine, wherever it listens now.
async fn send<B>(engine: &std::path::Path, request: Request<B>) -> Result<Response<Incoming>>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let address = engine_dir::address(engine)?;
    let stream = TcpStream::connect(&address)
        .await
        .with_context(|| format!("connecting to the engine at {address}"))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender
        .send_request(request)
        .await
        .context("asking the engine")
}

/// Reads an answer to its end.
async fn whole(answer: Answer) -> Result<Answer, Reset> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(|error| reset(&error))?;
    Ok(Response::from_parts(head, full(body.to_bytes())))
}

/// An answer that the proxy makes up.
fn invented(mut passing: Passing, status: StatusCode, body: &Value) -> Answer {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    passing.answered(&response);
    let copy = Arc::clone(&passing.response);
    let body = full(body.to_string().into());
    response.map(|()| Tee::new(body, copy, passing).boxed_unsync())
}

fn full(bytes: Bytes) -> UnsyncBoxBody<Bytes, hyper::Error> {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

fn reset(error: &dyn std::error::Error) -> Reset {
    Reset(error.to_string())
}

/// An error in Google's format. It always has a gRPC status, which Compute Engine and Cloud Storage leave
/// out; clients do not mind.
fn refusal(status: StatusCode) -> Value {
    let (reason, grpc) = match status.as_u16() {
        400 => ("invalid", "INVALID_ARGUMENT"),
        401 => ("authError", "UNAUTHENTICATED"),
        403 => ("forbidden", "PERMISSION_DENIED"),
        404 => ("notFound", "NOT_FOUND"),
        409 => ("alreadyExists", "ALREADY_EXISTS"),
        412 => ("conditionNotMet", "FAILED_PRECONDITION"),
        429 => ("rateLimitExceeded", "RESOURCE_EXHAUSTED"),
        503 => ("backendError", "UNAVAILABLE"),
        _ => ("internalError", "INTERNAL"),
    };
    let message = "injected by a test";
    let cause = json!({"message": message, "domain": "global", "reason": reason});
    json!({"error": {
        "code": status.as_u16(), "message": message, "status": grpc, "errors": [cause],
    }})
}
