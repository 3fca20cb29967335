//! Networks: the default one.

use std::sync::Arc;

use axum::extract::{Path, Query};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::collections::listing;
use super::place::{Answer, Place};
use crate::api::list::ListQuery;
use crate::engine::{Engine, networks};
use crate::error::Error;

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/global/networks", get(list))
        .route("/global/networks/{name}", get(get_one))
}

async fn list(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let path = format!("projects/{}/global/networks", place.project()?.id);
    Ok(listing(
        "compute#networkList",
        &path,
        query.page(vec![body(&place)?])?,
    ))
}

async fn get_one(Path(place): Path<Place>) -> Answer {
    networks::find(place.project()?.id, place.name.as_deref())?;
    body(&place).map(Json)
}

fn body(place: &Place) -> Result<Value, Error> {
    Ok(json!({
        "kind": "compute#network",
        "id": "3000",
        "creationTimestamp": "2026-01-01T00:00:00.000Z",
        "name": networks::DEFAULT,
        "description": "Default network for the project",
        "autoCreateSubnetworks": true,
        "mtu": 1460,
        "routingConfig": {"routingMode": "REGIONAL"},
        "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
        "selfLink": networks::find(place.project()?.id, None)?,
    }))
}
