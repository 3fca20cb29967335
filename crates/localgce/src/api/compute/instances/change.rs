//! Changes of an instance's tags, metadata, service account, machine type, scheduling and the like.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{patch, post};
use axum::{Json, Router};
use rusqlite::Connection;
use serde::Deserialize;

use crate::api::body::Body;
use crate::api::compute::place::{Answer, Place, RequestId};
use crate::engine::instances::{
    Metadata, Scheduling, ServiceAccount, ShieldedInstanceConfig, Tags,
};
use crate::engine::{Engine, Work};
use crate::error::Error;
use crate::key::{Key, Kind};

pub fn router() -> Router<Arc<Engine>> {
    let path = |verb: &str| format!("/zones/{{zone}}/instances/{{name}}/{verb}");
    Router::new()
        .route(&path("setMetadata"), post(set_metadata))
        .route(&path("setTags"), post(set_tags))
        .route(&path("setServiceAccount"), post(set_service_account))
        .route(&path("setMachineType"), post(set_machine_type))
        .route(&path("setScheduling"), post(set_scheduling))
        .route(
            &path("updateShieldedInstanceConfig"),
            patch(update_shielded_config),
        )
}

fn change(
    engine: &Arc<Engine>,
    place: &Place,
    request_id: RequestId,
    verb: &'static str,
    change: impl FnOnce(&Connection, &Key) -> Result<Work, Error>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation(verb, &key), |tx| change(tx, &key))
        .map(Json)
}

async fn set_metadata(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(metadata): Body<Metadata>,
) -> Answer {
    change(&engine, &place, request_id, "setMetadata", |tx, key| {
        engine.set_metadata(tx, key, &metadata)
    })
}

async fn set_tags(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(tags): Body<Tags>,
) -> Answer {
    change(&engine, &place, request_id, "setTags", |tx, key| {
        engine.set_tags(tx, key, &tags)
    })
}

async fn set_service_account(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(account): Body<ServiceAccount>,
) -> Answer {
    let verb = "setServiceAccount";
    change(&engine, &place, request_id, verb, |tx, key| {
        engine.set_service_account(tx, key, account)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetMachineTypeRequest {
    machine_type: String,
}

async fn set_machine_type(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<SetMachineTypeRequest>,
) -> Answer {
    change(&engine, &place, request_id, "setMachineType", |tx, key| {
        engine.set_machine_type(tx, key, &request.machine_type)
    })
}

async fn set_scheduling(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(scheduling): Body<Scheduling>,
) -> Answer {
    change(&engine, &place, request_id, "setScheduling", |tx, key| {
        engine.set_scheduling(tx, key, &scheduling)
    })
}

async fn update_shielded_config(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(config): Body<ShieldedInstanceConfig>,
) -> Answer {
    let verb = "updateShieldedInstanceConfig";
    change(&engine, &place, request_id, verb, |tx, key| {
        engine.update_shielded_config(tx, key, &config)
    })
}
