//! Images and their families.

mod public;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::middleware::from_fn;
use axum::routing::{get as http_get, post};
use axum::{Json, Router};
use serde_json::json;

use super::collections::list_of;
use super::labels::set_labels_of;
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::engine::Engine;
use crate::engine::images::{self, DeprecationStatus, Image, Patch};
use crate::key::{Key, Kind, Scope};

pub fn router() -> Router<Arc<Engine>> {
    let images = list_of(Kind::Image).merge(post(insert));
    let images = images.layer(from_fn(public::empty));
    let image = get_of(Kind::Image).patch(patch).delete(delete);
    Router::new()
        .route("/global/images", images)
        .route("/global/images/{name}", image)
        .route("/global/images/family/{name}", http_get(get_from_family))
        .route("/global/images/{name}/deprecate", post(deprecate))
        .route(
            "/global/images/{name}/setLabels",
            set_labels_of(Kind::Image),
        )
        .route(
            "/zones/{zone}/imageFamilyViews/{name}",
            http_get(family_view),
        )
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(image): Body<Image>,
) -> Answer {
    let key = place.new_key(Kind::Image, &image.name)?;
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            images::insert(&engine, tx, &key, image)
        })
        .map(Json)
}

async fn get_from_family(State(engine): State<Arc<Engine>>, Path(place): Path<Place>) -> Answer {
    let key = place.key(Kind::Image)?;
    engine
        .store
        .transaction(|tx| images::newest(tx, &key))
        .map(Json)
}

async fn family_view(State(engine): State<Arc<Engine>>, Path(place): Path<Place>) -> Answer {
    let key = Key {
        scope: Scope::Global,
        ..place.key(Kind::Image)?
    };
    let image = engine.store.transaction(|tx| images::newest(tx, &key))?;
    Ok(Json(json!({"image": image})))
}

async fn patch(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Patch>,
) -> Answer {
    let key = place.key(Kind::Image)?;
    engine
        .mutate(&request_id.mutation("patch", &key), |tx| {
            images::patch(tx, &key, request)
        })
        .map(Json)
}

async fn deprecate(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(status): Body<DeprecationStatus>,
) -> Answer {
    let key = place.key(Kind::Image)?;
    engine
        .mutate(&request_id.mutation("deprecate", &key), |tx| {
            images::deprecate(tx, &key, &status)
        })
        .map(Json)
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::Image)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            images::delete(&engine, tx, &key)
        })
        .map(Json)
}
