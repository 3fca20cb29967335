//! Projects, regions and zones.

use serde_json::{Value, json};

use super::collections::listing;
use crate::api::call::Call;
use crate::api::handler::now;
use crate::api::list::ListQuery;
use crate::api::method::{self, Method};
use crate::catalog::{Project, REGION, ZONES};
use crate::engine::records::fingerprint;
use crate::error::Error;
use crate::key::{link, zone_link};

const CREATED: &str = "2026-01-01T00:00:00.000Z";

/// The methods of projects, regions and zones.
pub fn methods() -> Vec<Method> {
    vec![
        method::get("compute.projects.get", "compute/v1/projects/{project}")
            .needs("compute.projects.get", now(project)),
        method::get(
            "compute.regions.list",
            "compute/v1/projects/{project}/regions",
        )
        .needs("compute.regions.list", now(regions)),
        method::get(
            "compute.regions.get",
            "compute/v1/projects/{project}/regions/{region}",
        )
        .needs("compute.regions.get", now(region)),
        method::get("compute.zones.list", "compute/v1/projects/{project}/zones")
            .needs("compute.zones.list", now(zones)),
        method::get(
            "compute.zones.get",
            "compute/v1/projects/{project}/zones/{zone}",
        )
        .needs("compute.zones.get", now(zone)),
    ]
}

fn project(call: &Call) -> Result<Value, Error> {
    let project = call.known_project()?;
    Ok(json!({
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
    }))
}

fn regions(call: &Call) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let project = call.known_project()?;
    let path = format!("projects/{}/regions", project.id);
    let page = query.page(vec![region_body(project)])?;
    Ok(listing("compute#regionList", &path, page))
}

fn region(call: &Call) -> Result<Value, Error> {
    call.scope()?;
    Ok(region_body(call.known_project()?))
}

fn zones(call: &Call) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let project = call.known_project()?;
    let zones = ZONES.map(|zone| zone_body(project, zone)).to_vec();
    let path = format!("projects/{}/zones", project.id);
    Ok(listing("compute#zoneList", &path, query.page(zones)?))
}

fn zone(call: &Call) -> Result<Value, Error> {
    Ok(zone_body(call.known_project()?, call.zone()?))
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
