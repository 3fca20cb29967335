//! Firewall rules.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::collections::list_of;
use super::one::{delete_of, get_of, never};
use super::place::{Answer, Place, RequestId};
use crate::api::body::{Body, typed};
use crate::engine::addresses::port_range;
use crate::engine::records::{check_new, get, new_body};
use crate::engine::{Engine, networks, nothing};
use crate::error::Error;
use crate::key::Kind;
use crate::store::resources;

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Firewall {
    #[serde(default)]
    name: String,
    description: Option<String>,
    network: Option<String>,
    priority: Option<u16>,
    direction: Option<Direction>,
    disabled: Option<bool>,
    source_ranges: Option<Vec<String>>,
    destination_ranges: Option<Vec<String>>,
    source_tags: Option<Vec<String>>,
    target_tags: Option<Vec<String>>,
    log_config: Option<Value>,
    allowed: Option<Vec<Protocol>>,
    denied: Option<Vec<Protocol>>,
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Direction {
    Ingress,
    Egress,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Protocol {
    #[serde(rename = "IPProtocol")]
    protocol: String,
    ports: Option<Vec<String>>,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(rule): Body<Firewall>,
) -> Answer {
    let key = place.new_key(Kind::Firewall, &rule.name)?;
    let body = new_body(&key, fields(&place, rule)?);
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            check_new(tx, &key)?;
            resources::insert(tx, &key, &body)?;
            nothing()
        })
        .map(Json)
}

/// Machines that run keep the ports that they were started with.
async fn patch(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(changes): Body<Map<String, Value>>,
) -> Answer {
    change(&engine, &place, request_id, "patch", changes)
}

async fn update(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(changes): Body<Map<String, Value>>,
) -> Answer {
    change(&engine, &place, request_id, "update", changes)
}

/// Replaces the fields that are given, or with `update` all that a client sets.
fn change(
    engine: &Arc<Engine>,
    place: &Place,
    request_id: RequestId,
    verb: &'static str,
    changes: Map<String, Value>,
) -> Answer {
    let key = place.key(Kind::Firewall)?;
    engine
        .mutate(&request_id.mutation(verb, &key), |tx| {
            let before = get(tx, &key)?;
            let mut rule = match before.as_object() {
                Some(before) if verb == "patch" => before.clone(),
                _ => Map::new(),
            };
            rule.extend(changes);
            rule.retain(|name, _| !OUTPUT_ONLY.contains(&name.as_str()));
            let fields = fields(place, typed(rule.into())?)?;
            let mut body = new_body(&key, fields);
            for field in ["id", "creationTimestamp"] {
                body[field] = before[field].clone();
            }
            resources::update(tx, &key, |rule| *rule = body)?;
            nothing()
        })
        .map(Json)
}

/// What a client that writes back what it has read sends, and cannot change.
const OUTPUT_ONLY: [&str; 4] = ["kind", "id", "creationTimestamp", "selfLink"];

/// What a client sets of a rule, checked and with Google's defaults.
fn fields(place: &Place, rule: Firewall) -> Result<Value, Error> {
    let direction = rule.direction.unwrap_or(Direction::Ingress);
    if rule.allowed.is_some() == rule.denied.is_some() {
        return Err(Error::invalid(
            "Exactly one of fields allowed and denied must be specified.",
        ));
    }
    let protocols = rule.allowed.iter().chain(&rule.denied).flatten();
    for port in protocols.flat_map(|protocol| protocol.ports.iter().flatten()) {
        if port_range(port).is_none() {
            return Err(Error::field(
                "resource.allowed[].ports[]",
                port,
                "Must be a port or a range of ports.",
            ));
        }
    }
    let anywhere = direction == Direction::Ingress && rule.source_tags.is_none();
    let source_ranges = rule
        .source_ranges
        .or_else(|| anywhere.then(|| vec!["0.0.0.0/0".to_owned()]));
    Ok(json!({
        "description": rule.description.unwrap_or_default(),
        "network": networks::find(place.project()?.id, rule.network.as_deref())?,
        "priority": rule.priority.unwrap_or(1000),
        "direction": direction,
        "disabled": rule.disabled.unwrap_or(false),
        "sourceRanges": source_ranges,
        "destinationRanges": rule.destination_ranges,
        "sourceTags": rule.source_tags,
        "targetTags": rule.target_tags,
        "allowed": rule.allowed,
        "denied": rule.denied,
        "logConfig": rule.log_config.unwrap_or(json!({"enable": false})),
    }))
}
