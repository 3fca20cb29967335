//! Firewall rules.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Map, Value};

use super::collections::list_of;
use super::one::{delete_of, get_of, never};
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::engine::Engine;
use crate::engine::firewalls::{self, Firewall};
use crate::key::Kind;

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route(
            "/global/firewalls",
            list_of(Kind::Firewall).merge(post(insert)),
        )
        .route(
            "/global/firewalls/{name}",
            get_of(Kind::Firewall)
                .patch(patch)
                .put(update)
                .merge(delete_of(Kind::Firewall, never)),
        )
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(rule): Body<Firewall>,
) -> Answer {
    let key = place.new_key(Kind::Firewall, &rule.name)?;
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            firewalls::insert(tx, &key, rule)
        })
        .map(Json)
}

async fn patch(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(changes): Body<Map<String, Value>>,
) -> Answer {
    let key = place.key(Kind::Firewall)?;
    engine
        .mutate(&request_id.mutation("patch", &key), |tx| {
            firewalls::patch(tx, &key, changes)
        })
        .map(Json)
}

async fn update(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(rule): Body<Map<String, Value>>,
) -> Answer {
    let key = place.key(Kind::Firewall)?;
    engine
        .mutate(&request_id.mutation("update", &key), |tx| {
            firewalls::update(tx, &key, rule)
        })
        .map(Json)
}
