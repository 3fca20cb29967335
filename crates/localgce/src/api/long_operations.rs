//! Operations of Service Usage and Resource Manager. What they do is done when they are first
//! answered, and yet the first answer is that they are under way: a client that does not ask again
//! is wrong on Google, and finds out here.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::error::{Error, Status};
use crate::store::{long_operations as store, new_id};

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/v1/operations/{operation}", get(get_one))
        .route("/v3/operations/{operation}", get(get_one))
}

#[derive(Deserialize)]
struct Place {
    operation: String,
}

async fn get_one(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
) -> Result<Json<Value>, Status> {
    let name = format!("operations/{}", place.operation);
    let operation = engine.store.transaction(|tx| store::get(tx, &name))?;
    operation
        .map(Json)
        .ok_or_else(|| Error::missing(format!("Operation {name} not found.")).into())
}

/// Writes down an operation that ends with `response`, and returns its first answer. `prefix` is
/// how the API begins names: `cp`, `acat`. Both have their `@type`.
pub fn start(
    tx: &Connection,
    prefix: &str,
    metadata: &Value,
    response: &Value,
) -> Result<Value, Error> {
    let name = format!("operations/{prefix}.{}", new_id());
    let done = json!({"name": name, "metadata": metadata, "done": true, "response": response});
    store::insert(tx, &name, &done)?;
    Ok(json!({"name": name, "metadata": metadata}))
}
