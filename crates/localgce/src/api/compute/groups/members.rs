//! The instances of a group.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::post;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use crate::api::body::Body;
use crate::api::compute::place::{Answer, Place, RequestId};
use crate::engine::records::get;
use crate::engine::{Engine, nothing};
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::{group_members, resources};

pub fn router() -> Router<Arc<Engine>> {
    let path = |verb: &str| format!("/zones/{{zone}}/instanceGroups/{{name}}/{verb}");
    Router::new()
        .route(&path("addInstances"), post(add))
        .route(&path("removeInstances"), post(remove))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default)]
    instances: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    instance: String,
}

async fn add(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Request>,
) -> Answer {
    let key = place.key(Kind::InstanceGroup)?;
    engine
        .mutate(&request_id.mutation("addInstances", &key), |tx| {
            refuse_managed(tx, &key)?;
            for reference in &request.instances {
                join(tx, &key, &named(tx, &key, &reference.instance)?)?;
            }
            nothing()
        })
        .map(Json)
}

async fn remove(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Request>,
) -> Answer {
    let key = place.key(Kind::InstanceGroup)?;
    engine
        .mutate(&request_id.mutation("removeInstances", &key), |tx| {
            refuse_managed(tx, &key)?;
            for reference in &request.instances {
                let instance = named(tx, &key, &reference.instance)?;
                group_members::remove(tx, &instance.path())?;
            }
            count(tx, &key)?;
            nothing()
        })
        .map(Json)
}

fn refuse_managed(tx: &Connection, group: &Key) -> Result<(), Error> {
    get(tx, group)?;
    let manager = group.sibling(Kind::InstanceGroupManager, &group.name);
    match resources::get(tx, &manager)? {
        Some(_) => Err(Error::invalid(format!(
            "The instance group '{}' is managed; its manager alone adds and removes instances.",
            group.path()
        ))),
        None => Ok(()),
    }
}

/// The instance that a request names.
pub fn named(tx: &Connection, group: &Key, reference: &str) -> Result<Key, Error> {
    let key = group
        .resolve(Kind::Instance, reference)
        .ok_or_else(|| Error::field("instances[]", reference, "The URL is malformed."))?;
    get(tx, &key)?;
    Ok(key)
}

/// Puts an instance into a group.
pub fn join(tx: &Connection, group: &Key, instance: &Key) -> Result<(), Error> {
    group_members::add(tx, &group.path(), &instance.path())?;
    count(tx, group)
}

/// Says in a group how many instances it has.
pub fn count(tx: &Connection, group: &Key) -> Result<(), Error> {
    let size = group_members::list(tx, &group.path())?.len();
    resources::update(tx, group, |group| group["size"] = size.into())?;
    Ok(())
}

/// The instances of a group.
pub fn keys(tx: &Connection, group: &Key) -> Result<Vec<Key>, Error> {
    let paths = group_members::list(tx, &group.path())?;
    Ok(paths
        .iter()
        .filter_map(|path| Key::parse(Kind::Instance, path))
        .collect())
}

/// What the instances of a group are.
pub fn bodies(tx: &Connection, group: &Key) -> Result<Vec<Value>, Error> {
    let mut bodies = Vec::new();
    for key in keys(tx, group)? {
        bodies.extend(resources::get(tx, &key)?);
    }
    Ok(bodies)
}
