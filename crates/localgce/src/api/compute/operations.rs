//! Operations, global and zonal.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};

use super::{Answer, Place, get_of, list_of};
use crate::engine::Engine;
use crate::key::Kind;

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/global/operations", list_of(Kind::Operation))
        .route("/global/operations/{name}", get_of(Kind::Operation))
        .route("/global/operations/{name}/wait", post(wait))
        .route("/zones/{zone}/operations", list_of(Kind::Operation))
        .route("/zones/{zone}/operations/{name}", get_of(Kind::Operation))
        .route("/zones/{zone}/operations/{name}/wait", post(wait))
}

async fn wait(State(engine): State<Arc<Engine>>, Path(place): Path<Place>) -> Answer {
    engine.wait(&place.key(Kind::Operation)?).await.map(Json)
}
