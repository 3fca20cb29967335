//! Networks: the default one.

use std::sync::Arc;

use axum::extract::{Path, Query};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::collections::listing;
use super::place::{Answer, Place};
use crate::api::list::ListQuery;
use crate::catalog::REGION;
use crate::engine::Engine;
use crate::error::Error;
use crate::key::{last, link};

/// The only network's name.
const DEFAULT: &str = "default";

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/global/networks", get(list))
        .route("/global/networks/{name}", get(get_one))
}

/// The link of the network that a resource asks for by name or link.
pub fn find(place: &Place, reference: Option<&str>) -> Result<String, Error> {
    let name = last(reference.unwrap_or(DEFAULT));
    let path = format!("projects/{}/global/networks/{name}", place.project()?.id);
    if name == DEFAULT {
        Ok(link(&path))
    } else {
        Err(Error::not_found(&path))
    }
}

/// The link of the subnetwork that a resource asks for by name or link: the default network's.
pub fn find_subnetwork(place: &Place, reference: Option<&str>) -> Result<String, Error> {
    let name = last(reference.unwrap_or(DEFAULT));
    let path = format!(
        "projects/{}/regions/{REGION}/subnetworks/{name}",
        place.project()?.id
    );
    if name == DEFAULT {
        Ok(link(&path))
    } else {
        Err(Error::not_found(&path))
    }
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
    find(&place, place.name.as_deref())?;
    body(&place).map(Json)
}

fn body(place: &Place) -> Result<Value, Error> {
    Ok(json!({
        "kind": "compute#network",
        "id": "3000",
        "creationTimestamp": "2026-01-01T00:00:00.000Z",
        "name": DEFAULT,
        "description": "Default network for the project",
        "autoCreateSubnetworks": true,
        "mtu": 1460,
        "routingConfig": {"routingMode": "REGIONAL"},
        "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
        "selfLink": find(place, None)?,
    }))
}
