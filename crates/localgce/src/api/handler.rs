//! What a method does, and what all methods of a kind have in common.

use std::pin::Pin;
use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rusqlite::Connection;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use crate::error::Error;

type Answer = Result<Response, Error>;
type Now = dyn Fn(&Call) -> Result<Value, Error> + Send + Sync;
type Later = dyn Fn(Call, Request) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync;

/// What a method does once the caller may.
pub enum Handler {
    /// Answers with JSON; `null` stands for no content.
    Json(Box<Now>),
    /// Reads the body and writes the answer itself.
    Raw(Box<Later>),
}

/// A method without a body, in a transaction: it reads or deletes.
pub fn plain(
    work: impl Fn(&Call, &Connection) -> Result<Value, Error> + Send + Sync + 'static,
) -> Handler {
    now(move |call| call.engine.store.transaction(|tx| work(call, tx)))
}

/// A method with a body, in a transaction.
pub fn json<B: DeserializeOwned>(
    work: impl Fn(&Call, &Connection, B) -> Result<Value, Error> + Send + Sync + 'static,
) -> Handler {
    now(move |call| {
        let body = call.body()?;
        call.engine.store.transaction(|tx| work(call, tx, body))
    })
}

/// A method that opens its own transaction, if it needs one.
pub fn now(work: impl Fn(&Call) -> Result<Value, Error> + Send + Sync + 'static) -> Handler {
    Handler::Json(Box::new(work))
}

/// A method that waits, or whose body or answer is not JSON.
pub fn raw<F>(work: impl Fn(Call, Request) -> F + Send + Sync + 'static) -> Handler
where
    F: Future<Output = Answer> + Send + 'static,
{
    Handler::Raw(Box::new(move |call, request| Box::pin(work(call, request))))
}

/// A method with a body of JSON whose work has to be waited for.
pub fn later<B, F>(work: impl Fn(Call, B) -> F + Send + Sync + 'static) -> Handler
where
    B: DeserializeOwned + Send + 'static,
    F: Future<Output = Result<Value, Error>> + Send + 'static,
{
    let work = Arc::new(work);
    raw(move |call, request| {
        let work = Arc::clone(&work);
        async move {
            let call = call.receive(request).await?;
            let body = call.body()?;
            work(call, body).await.map(answer)
        }
    })
}

/// A response of JSON.
pub fn answer(value: Value) -> Response {
    match value {
        Value::Null => StatusCode::NO_CONTENT.into_response(),
        value => Json(value).into_response(),
    }
}
