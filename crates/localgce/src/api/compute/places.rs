//! Projects, regions and zones.

use std::sync::Arc;

use axum::extract::{Path, Query};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::collections::listing;
use super::place::{Answer, Place};
use crate::api::list::ListQuery;
use crate::catalog::{Project, REGION, ZONES};
use crate::engine::Engine;
use crate::engine::records::fingerprint;
use crate::error::Error;
use crate::key::{link, zone_link};

const CREATED: &str = "2026-01-01T00:00:00.000Z";

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/", get(project))
        .route("/regions", get(regions))
        .route("/regions/{name}", get(region))
        .route("/zones", get(zones))
        .route("/zones/{zone}", get(zone))
}

async fn project(Path(place): Path<Place>) -> Answer {
    let project = place.project()?;
    Ok(Json(json!({
        "kind": "compute#project",
        "id": project.number.to_string(),
        "creationTimestamp": CREATED,
        "name": project.id,
        "selfLink": link(&format!("projects/{}", project.id)),
        "commonInstanceMetadata":
            {"kind": "compute#metadata", "fingerprint": fingerprint(&json!([]))},
        "defaultServiceAccount": project.default_service_account(),
        "defaultNetworkTier": "PREMIUM",
        "vmDnsSetting": "ZONAL_ONLY",
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
    })))
}

async fn regions(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let project = place.project()?;
    let path = format!("projects/{}/regions", project.id);
    Ok(listing(
        "compute#regionList",
        &path,
        query.page(vec![region_body(project)])?,
    ))
}

async fn region(Path(place): Path<Place>) -> Answer {
    let project = place.project()?;
    match place.name.as_deref() {
        Some(REGION) => Ok(Json(region_body(project))),
        name => {
            let name = name.unwrap_or_default();
            Err(Error::not_found(&format!(
                "projects/{}/regions/{name}",
                project.id
            )))
        }
    }
}

async fn zones(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let project = place.project()?;
    let zones = ZONES.map(|zone| zone_body(project, zone)).to_vec();
    Ok(listing(
        "compute#zoneList",
        &format!("projects/{}/zones", project.id),
        query.page(zones)?,
    ))
}

async fn zone(Path(place): Path<Place>) -> Answer {
    let zone = place.zone()?.unwrap_or_default();
    Ok(Json(zone_body(place.project()?, zone)))
}

fn region_body(project: Project) -> Value {
    json!({
        "kind": "compute#region",
        "id": "1000",
        "creationTimestamp": CREATED,
        "name": REGION,
        "description": REGION,
        "status": "UP",
        "zones": ZONES.map(|zone| zone_link(project.id, zone)),
        "quotas": [],
        "selfLink": link(&format!("projects/{}/regions/{REGION}", project.id)),
    })
}

fn zone_body(project: Project, zone: &str) -> Value {
    let number = ZONES
        .iter()
        .position(|name| *name == zone)
        .unwrap_or_default();
    json!({
        "kind": "compute#zone",
        "id": (2000 + number).to_string(),
        "creationTimestamp": CREATED,
        "name": zone,
        "description": zone,
        "status": "UP",
        "region": link(&format!("projects/{}/regions/{REGION}", project.id)),
        "selfLink": zone_link(project.id, zone),
    })
}
