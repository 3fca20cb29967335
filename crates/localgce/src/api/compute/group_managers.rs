//! Managers of instance groups: as many instances of a template as are asked for.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, get as http_get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::collections::{aggregated_list_of, list_of, listing};
use super::one::get_of;
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::api::list::ListQuery;
use crate::engine::Engine;
use crate::engine::groups::{self, Manager, Replacement};
use crate::key::Kind;

pub fn router() -> Router<Arc<Engine>> {
    let path = |verb: &str| format!("/zones/{{zone}}/instanceGroupManagers/{{name}}{verb}");
    Router::new()
        .route(
            "/aggregated/instanceGroupManagers",
            aggregated_list_of(Kind::InstanceGroupManager),
        )
        .route(
            "/zones/{zone}/instanceGroupManagers",
            list_of(Kind::InstanceGroupManager).merge(post(insert)),
        )
        .route(
            &path(""),
            get_of(Kind::InstanceGroupManager).merge(http_delete(delete)),
        )
        .route(&path("/resize"), post(resize))
        .route(&path("/listManagedInstances"), post(list_managed))
        .route(&path("/recreateInstances"), post(recreate))
        .route(&path("/deleteInstances"), post(delete_instances))
        // gcloud asks whether a group has an autoscaler; none has one here.
        .route("/zones/{zone}/autoscalers", http_get(no_autoscalers))
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Manager>,
) -> Answer {
    let key = place.new_key(Kind::InstanceGroupManager, &request.name)?;
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            groups::create_manager(tx, &key, &request)?;
            engine.reconcile_later(&key)
        })
        .map(Json)
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            engine.delete_group(tx, &key)
        })
        .map(Json)
}

#[derive(Deserialize)]
struct ResizeQuery {
    size: u32,
}

async fn resize(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Query(ResizeQuery { size }): Query<ResizeQuery>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    engine
        .mutate(&request_id.mutation("resize", &key), |tx| {
            engine.resize_group(tx, &key, size)
        })
        .map(Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Instances {
    #[serde(default)]
    instances: Vec<String>,
    #[serde(default)]
    skip_instances_on_validation_error: bool,
}

impl Instances {
    fn replacement(&self, again: bool) -> Replacement<'_> {
        Replacement {
            instances: &self.instances,
            skip_others: self.skip_instances_on_validation_error,
            again,
        }
    }
}

/// Deletes instances; the group makes new ones of the same names.
async fn recreate(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Instances>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    engine
        .mutate(&request_id.mutation("recreateInstances", &key), |tx| {
            engine.replace(tx, &key, &request.replacement(true))
        })
        .map(Json)
}

/// Deletes instances, by which the group gets smaller.
async fn delete_instances(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Instances>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    engine
        .mutate(&request_id.mutation("deleteInstances", &key), |tx| {
            engine.replace(tx, &key, &request.replacement(false))
        })
        .map(Json)
}

async fn list_managed(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    let managed = engine.store.transaction(|tx| groups::managed(tx, &key))?;
    Ok(Json(query.page(managed)?.body("managedInstances")))
}

async fn no_autoscalers(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let scope = place.scope()?.path();
    let path = format!("projects/{}/{scope}/autoscalers", place.project()?.id);
    Ok(listing(
        "compute#autoscalerList",
        &path,
        query.page(Vec::new())?,
    ))
}
