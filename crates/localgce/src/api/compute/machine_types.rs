//! Machine types.

use std::sync::Arc;

use axum::extract::{Path, Query};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::collections::{aggregate, listing, zones};
use super::place::{Answer, Place};
use crate::api::list::ListQuery;
use crate::catalog::{MACHINE_TYPES, MachineType, ZONES};
use crate::engine::Engine;
use crate::error::Error;
use crate::key::{last, link};

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/aggregated/machineTypes", get(aggregated_list))
        .route("/zones/{zone}/machineTypes", get(list))
        .route("/zones/{zone}/machineTypes/{name}", get(get_one))
}

/// The machine type that an instance in `place` asks for by name or link.
pub fn find(place: &Place, reference: &str) -> Result<&'static MachineType, Error> {
    let name = last(reference);
    let path = format!("{}/{name}", parent(place)?);
    let found = MACHINE_TYPES
        .iter()
        .find(|machine_type| machine_type.name == name);
    found.ok_or_else(|| Error::not_found(&path))
}

/// The link of a machine type.
pub fn machine_type_link(place: &Place, machine_type: &MachineType) -> Result<String, Error> {
    Ok(link(&format!("{}/{}", parent(place)?, machine_type.name)))
}

async fn list(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let all = MACHINE_TYPES
        .iter()
        .map(|machine_type| body(&place, machine_type));
    let page = query.page(all.collect::<Result<_, _>>()?)?;
    Ok(listing("compute#machineTypeList", &parent(&place)?, page))
}

async fn aggregated_list(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let mut all = Vec::new();
    for zone in ZONES {
        let there = place.in_zone(zone);
        for machine_type in &MACHINE_TYPES {
            all.push(body(&there, machine_type)?);
        }
    }
    let (project, zones) = (place.project()?.id, zones().collect::<Vec<_>>());
    let page = query.page(all)?;
    Ok(aggregate(
        "compute#machineType",
        "machineTypes",
        project,
        &zones,
        page,
    ))
}

async fn get_one(Path(place): Path<Place>) -> Answer {
    let machine_type = find(&place, place.name.as_deref().unwrap_or_default())?;
    body(&place, machine_type).map(Json)
}

fn parent(place: &Place) -> Result<String, Error> {
    let zone = place.zone()?.unwrap_or_default();
    Ok(format!(
        "projects/{}/zones/{zone}/machineTypes",
        place.project()?.id
    ))
}

fn body(place: &Place, machine_type: &MachineType) -> Result<Value, Error> {
    let MachineType {
        name,
        cpus,
        memory_mib,
    } = machine_type;
    Ok(json!({
        "kind": "compute#machineType",
        "id": format!("{}", 1000 * cpus + memory_mib / 1024),
        "creationTimestamp": "2026-01-01T00:00:00.000Z",
        "name": name,
        "description": format!("{cpus} vCPUs, {} GB RAM", memory_mib / 1024),
        "guestCpus": cpus,
        "memoryMb": memory_mib,
        "imageSpaceGb": 0,
        "maximumPersistentDisks": 16,
        "maximumPersistentDisksSizeGb": "65536",
        "isSharedCpu": machine_type.shared_cpu(),
        "architecture": "X86_64",
        "zone": place.zone()?,
        "selfLink": machine_type_link(place, machine_type)?,
    }))
}
