//! Operations: global, regional and zonal.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};

use super::collections::{aggregated_list_of, list_of};
use super::one::get_of;
use super::place::{Answer, Place};
use crate::engine::Engine;
use crate::engine::records::get;
use crate::error::Error;
use crate::key::Kind;
use crate::store::resources;

pub fn router() -> Router<Arc<Engine>> {
    ["/global", "/regions/{region}", "/zones/{zone}"]
        .into_iter()
        .fold(Router::new(), |router, scope| {
            let one = get_of(Kind::Operation).merge(http_delete(delete));
            router
                .route(&format!("{scope}/operations"), list_of(Kind::Operation))
                .route(&format!("{scope}/operations/{{name}}"), one)
                .route(&format!("{scope}/operations/{{name}}/wait"), post(wait))
        })
        .route(
            "/aggregated/operations",
            aggregated_list_of(Kind::Operation),
        )
}

async fn wait(State(engine): State<Arc<Engine>>, Path(place): Path<Place>) -> Answer {
    engine.wait(&place.key(Kind::Operation)?).await.map(Json)
}

/// Forgets an operation that is done.
async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
) -> Result<StatusCode, Error> {
    let key = place.key(Kind::Operation)?;
    engine.store.transaction(|tx| {
        if get(tx, &key)?["status"] != "DONE" {
            return Err(Error::not_ready(&key.path(), "it is not DONE"));
        }
        resources::remove(tx, &key)?;
        Ok(StatusCode::NO_CONTENT)
    })
}
