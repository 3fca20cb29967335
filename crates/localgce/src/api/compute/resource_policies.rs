//! Resource policies: schedules of snapshots.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;

use super::collections::{aggregated_list_of, list_of};
use super::one::{delete_of, get_of};
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::engine::Engine;
use crate::engine::resource_policies::{self, ResourcePolicy, check_unused};
use crate::key::Kind;

pub fn router() -> Router<Arc<Engine>> {
    let policy = get_of(Kind::ResourcePolicy).merge(delete_of(Kind::ResourcePolicy, check_unused));
    Router::new()
        .route(
            "/aggregated/resourcePolicies",
            aggregated_list_of(Kind::ResourcePolicy),
        )
        .route(
            "/regions/{region}/resourcePolicies",
            list_of(Kind::ResourcePolicy).merge(post(insert)),
        )
        .route("/regions/{region}/resourcePolicies/{name}", policy)
        .route(
            "/zones/{zone}/disks/{name}/addResourcePolicies",
            post(add_to_disk),
        )
        .route(
            "/zones/{zone}/disks/{name}/removeResourcePolicies",
            post(remove_from_disk),
        )
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(policy): Body<ResourcePolicy>,
) -> Answer {
    let key = place.new_key(Kind::ResourcePolicy, &policy.name)?;
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            resource_policies::insert(tx, &key, policy)
        })
        .map(Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Policies {
    #[serde(default)]
    resource_policies: Vec<String>,
}

async fn add_to_disk(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Policies>,
) -> Answer {
    let key = place.key(Kind::Disk)?;
    engine
        .mutate(&request_id.mutation("addResourcePolicies", &key), |tx| {
            resource_policies::add(tx, &key, &request.resource_policies)
        })
        .map(Json)
}

async fn remove_from_disk(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Policies>,
) -> Answer {
    let key = place.key(Kind::Disk)?;
    engine
        .mutate(&request_id.mutation("removeResourcePolicies", &key), |tx| {
            resource_policies::remove(tx, &key, &request.resource_policies)
        })
        .map(Json)
}
