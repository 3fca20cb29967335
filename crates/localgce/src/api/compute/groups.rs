//! Instance groups that are not managed.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::collections::{aggregated_list_of, list_of, listing};
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::api::list::ListQuery;
use crate::engine::groups::{self, NamedPort};
use crate::engine::{Engine, nothing};
use crate::key::Kind;

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
        .route(&path("/addInstances"), post(add))
        .route(&path("/removeInstances"), post(remove))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceGroup {
    #[serde(default)]
    name: String,
    description: Option<String>,
    named_ports: Option<Vec<NamedPort>>,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(group): Body<InstanceGroup>,
) -> Answer {
    let key = place.new_key(Kind::InstanceGroup, &group.name)?;
    let (description, ports) = (group.description.as_deref(), group.named_ports.as_deref());
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            groups::create(tx, &key, description, ports)?;
            nothing()
        })
        .map(Json)
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::InstanceGroup)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            groups::delete(tx, &key)?;
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
    let members = engine.store.transaction(|tx| groups::bodies(tx, &key))?;
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
    let seen = request.fingerprint.as_deref();
    engine
        .mutate(&request_id.mutation("setNamedPorts", &key), |tx| {
            groups::set_named_ports(tx, &key, &request.named_ports, seen)?;
            nothing()
        })
        .map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(default)]
    instances: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    instance: String,
}

impl Members {
    fn references(&self) -> Vec<&str> {
        let references = self.instances.iter();
        references.map(|member| member.instance.as_str()).collect()
    }
}

async fn add(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Members>,
) -> Answer {
    let key = place.key(Kind::InstanceGroup)?;
    engine
        .mutate(&request_id.mutation("addInstances", &key), |tx| {
            groups::add(tx, &key, &request.references())?;
            nothing()
        })
        .map(Json)
}

async fn remove(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Members>,
) -> Answer {
    let key = place.key(Kind::InstanceGroup)?;
    engine
        .mutate(&request_id.mutation("removeInstances", &key), |tx| {
            groups::remove(tx, &key, &request.references())?;
            nothing()
        })
        .map(Json)
}
