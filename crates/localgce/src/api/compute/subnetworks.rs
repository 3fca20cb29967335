//! Subnetworks: the default network's.

use std::sync::Arc;

use axum::extract::{Path, Query};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::collections::{aggregate, listing};
use super::place::{Answer, Place};
use crate::api::list::ListQuery;
use crate::catalog::REGION;
use crate::engine::records::fingerprint;
use crate::engine::{Engine, networks};
use crate::error::Error;
use crate::key::{Scope, region_link};

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/aggregated/subnetworks", get(aggregated_list))
        .route("/regions/{region}/subnetworks", get(list))
        .route("/regions/{region}/subnetworks/{name}", get(get_one))
}

async fn list(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let path = format!(
        "projects/{}/{}/subnetworks",
        place.project()?.id,
        place.scope()?.path()
    );
    let page = query.page(vec![body(&place)?])?;
    Ok(listing("compute#subnetworkList", &path, page))
}

async fn aggregated_list(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let page = query.page(vec![body(&place)?])?;
    let region = Scope::Region(REGION.into());
    let project = place.project()?.id;
    Ok(aggregate(
        "compute#subnetwork",
        "subnetworks",
        project,
        &[region],
        page,
    ))
}

async fn get_one(Path(place): Path<Place>) -> Answer {
    place.scope()?;
    networks::find_subnetwork(place.project()?.id, place.name.as_deref())?;
    body(&place).map(Json)
}

/// Its range and gateway are those that a guest sees.
fn body(place: &Place) -> Result<Value, Error> {
    Ok(json!({
        "kind": "compute#subnetwork",
        "id": "3001",
        "creationTimestamp": "2026-01-01T00:00:00.000Z",
        "name": "default",
        "network": networks::find(place.project()?.id, None)?,
        "ipCidrRange": "169.254.0.0/16",
        "gatewayAddress": "169.254.10.2",
        "region": region_link(place.project()?.id, REGION),
        "privateIpGoogleAccess": false,
        "purpose": "PRIVATE",
        "stackType": "IPV4_ONLY",
        "fingerprint": fingerprint(&json!("default")),
        "selfLink": networks::find_subnetwork(place.project()?.id, None)?,
    }))
}
