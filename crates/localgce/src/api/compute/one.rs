//! GET and DELETE of one resource.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::routing::{MethodRouter, delete, get as http_get};
use rusqlite::Connection;
use serde_json::Value;

use super::place::{Place, RequestId};
use crate::engine::records::get;
use crate::engine::{Engine, nothing};
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::resources;

/// GET of one resource.
pub fn get_of(kind: Kind) -> MethodRouter<Arc<Engine>> {
    http_get(
        move |State(engine): State<Arc<Engine>>, Path(place): Path<Place>| async move {
            let key = place.key(kind)?;
            engine.store.transaction(|tx| get(tx, &key)).map(Json)
        },
    )
}

/// DELETE of a resource that is a record and nothing else. `refuse` says why one may not go.
pub fn delete_of(
    kind: Kind,
    refuse: fn(&Connection, &Key, &Value) -> Result<(), Error>,
) -> MethodRouter<Arc<Engine>> {
    delete(
        move |State(engine): State<Arc<Engine>>,
              Path(place): Path<Place>,
              Query(request_id): Query<RequestId>| async move {
            let key = place.key(kind)?;
            engine
                .mutate(&request_id.mutation("delete", &key), |tx| {
                    refuse(tx, &key, &get(tx, &key)?)?;
                    resources::remove(tx, &key)?;
                    nothing()
                })
                .map(Json)
        },
    )
}
