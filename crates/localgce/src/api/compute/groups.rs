//! Instance groups, managed and not.

mod managers;
mod members;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::collections::{aggregated_list_of, list_of, listing};
use super::instances;
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::api::list::ListQuery;
use crate::engine::records::{check_new, fingerprint, get, new_body};
use crate::engine::{Engine, nothing};
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::{group_members, resources};

pub fn router() -> Router<Arc<Engine>> {
    let path = |verb: &str| format!("/zones/{{zone}}/instanceGroups/{{name}}{verb}");
    Router::new()
        .route(
            "/aggregated/instanceGroups",
            aggregated_list_of(Kind::InstanceGroup),
        )
        .route(
            "/zones/{zone}/instanceGroups",
            list_of(Kind::InstanceGroup).merge(post(insert)),
        )
        .route(
            &path(""),
            get_of(Kind::InstanceGroup).merge(http_delete(delete)),
        )
        .route(&path("/listInstances"), post(list_instances))
        .route(&path("/setNamedPorts"), post(set_named_ports))
        .merge(members::router())
        .merge(managers::router())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceGroup {
    #[serde(default)]
    name: String,
    description: Option<String>,
    named_ports: Option<Vec<NamedPort>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NamedPort {
    name: String,
    port: u16,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(group): Body<InstanceGroup>,
) -> Answer {
    let key = place.new_key(Kind::InstanceGroup, &group.name)?;
    let body = body(
        &key,
        group.description.as_deref(),
        group.named_ports.as_deref(),
    );
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            check_new(tx, &key)?;
            resources::insert(tx, &key, &body)?;
            nothing()
        })
        .map(Json)
}

fn body(key: &Key, description: Option<&str>, ports: Option<&[NamedPort]>) -> Value {
    let mut body = new_body(
        key,
        json!({"description": description, "namedPorts": ports, "size": 0}),
    );
    body["fingerprint"] = fingerprint(&json!(ports)).into();
    body
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::InstanceGroup)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            get(tx, &key)?;
            let manager = key.sibling(Kind::InstanceGroupManager, &key.name);
            if resources::get(tx, &manager)?.is_some() {
                return Err(Error::in_use(&key.path(), &manager.path()));
            }
            group_members::clear(tx, &key.path())?;
            resources::remove(tx, &key)?;
            nothing()
        })
        .map(Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListRequest {
    instance_state: Option<String>,
}

async fn list_instances(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<ListQuery>,
    Body(request): Body<ListRequest>,
) -> Answer {
    let key = place.key(Kind::InstanceGroup)?;
    let members = engine.store.transaction(|tx| {
        get(tx, &key)?;
        members::bodies(tx, &key)
    })?;
    let running_alone = request.instance_state.as_deref() == Some("RUNNING");
    let items = members
        .iter()
        .filter(|member| !running_alone || member["status"] == "RUNNING")
        .map(|member| json!({"instance": member["selfLink"], "status": member["status"]}));
    let path = format!("{}/listInstances", key.path());
    let page = query.page(items.collect())?;
    Ok(listing("compute#instanceGroupsListInstances", &path, page))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetNamedPortsRequest {
    #[serde(default)]
    named_ports: Vec<NamedPort>,
    fingerprint: Option<String>,
}

async fn set_named_ports(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<SetNamedPortsRequest>,
) -> Answer {
    let key = place.key(Kind::InstanceGroup)?;
    engine
        .mutate(&request_id.mutation("setNamedPorts", &key), |tx| {
            let group = get(tx, &key)?;
            if request
                .fingerprint
                .is_some_and(|given| group["fingerprint"] != *given)
            {
                return Err(Error::fingerprint("named ports"));
            }
            resources::update(tx, &key, |group| {
                group["namedPorts"] = json!(request.named_ports);
                group["fingerprint"] = fingerprint(&group["namedPorts"]).into();
            })?;
            nothing()
        })
        .map(Json)
}

/// The group that a manager fills.
fn group_of(manager: &Key) -> Key {
    manager.sibling(Kind::InstanceGroup, &manager.name)
}
