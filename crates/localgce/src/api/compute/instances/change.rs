//! Changes of an instance's tags, service account, machine type, scheduling and the like.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{patch, post};
use axum::{Json, Router};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::machine_types;
use super::disks::refuse_unless_stopped;
use super::insert::service_accounts;
use super::request::{Scheduling, ServiceAccount, ShieldedInstanceConfig, Tags};
use super::tags_body;
use crate::api::body::Body;
use crate::api::compute::place::{Answer, Place, RequestId};
use crate::engine::records::get;
use crate::engine::{Engine, work};
use crate::error::Error;
use crate::json::prune;
use crate::key::{Key, Kind};
use crate::store::resources;

pub fn router() -> Router<Arc<Engine>> {
    let path = |verb: &str| format!("/zones/{{zone}}/instances/{{name}}/{verb}");
    Router::new()
        .route(&path("setTags"), post(set_tags))
        .route(&path("setServiceAccount"), post(set_service_account))
        .route(&path("setMachineType"), post(set_machine_type))
        .route(&path("setScheduling"), post(set_scheduling))
        .route(
            &path("updateShieldedInstanceConfig"),
            patch(update_shielded_config),
        )
}

/// Changes an instance that `check` lets be changed, and tells its machine of it.
fn change(
    engine: &Arc<Engine>,
    place: &Place,
    request_id: RequestId,
    verb: &'static str,
    check: impl FnOnce(&Connection, &Key, &Value) -> Result<(), Error>,
    change: impl FnOnce(&mut Value),
) -> Answer {
    let key = place.key(Kind::Instance)?;
    engine
        .mutate(&request_id.mutation(verb, &key), |tx| {
            check(tx, &key, &get(tx, &key)?)?;
            resources::update(tx, &key, change)?;
            let (engine, key) = (Arc::clone(engine), key.clone());
            work(async move { engine.publish_metadata(&key) })
        })
        .map(Json)
}

async fn set_tags(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(tags): Body<Tags>,
) -> Answer {
    let current = |_: &Connection, _: &Key, instance: &Value| {
        if instance["tags"]["fingerprint"].as_str() == tags.fingerprint.as_deref() {
            Ok(())
        } else {
            Err(Error::fingerprint("tags"))
        }
    };
    let set = |instance: &mut Value| instance["tags"] = tags_body(&tags);
    change(&engine, &place, request_id, "setTags", current, set)
}

async fn set_service_account(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(account): Body<ServiceAccount>,
) -> Answer {
    let accounts = engine
        .store
        .transaction(|tx| service_accounts(tx, &place, vec![account]))?;
    let verb = "setServiceAccount";
    change(&engine, &place, request_id, verb, stopped, |instance| {
        instance["serviceAccounts"] = json!(accounts);
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
    let found = machine_types::find(&place, &request.machine_type)?;
    let link = machine_types::machine_type_link(&place, found)?;
    let verb = "setMachineType";
    change(&engine, &place, request_id, verb, stopped, |instance| {
        instance["machineType"] = link.into();
    })
}

/// A running instance ends when it was to end; its next start counts anew.
async fn set_scheduling(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(scheduling): Body<Scheduling>,
) -> Answer {
    scheduling.check()?;
    let any = |_: &Connection, _: &Key, _: &Value| Ok(());
    let verb = "setScheduling";
    change(&engine, &place, request_id, verb, any, |instance| {
        instance["scheduling"] = scheduling.body();
    })
}

async fn update_shielded_config(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(config): Body<ShieldedInstanceConfig>,
) -> Answer {
    let verb = "updateShieldedInstanceConfig";
    change(&engine, &place, request_id, verb, stopped, |instance| {
        let config = prune(json!(config));
        for (name, value) in config.as_object().into_iter().flatten() {
            instance["shieldedInstanceConfig"][name] = value.clone();
        }
    })
}

/// Refuses an instance that is not stopped, as Google does.
fn stopped(_: &Connection, key: &Key, instance: &Value) -> Result<(), Error> {
    refuse_unless_stopped(key, instance)
}
