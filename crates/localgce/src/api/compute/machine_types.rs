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
use crate::engine::{Engine, machine_types};

pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/aggregated/machineTypes", get(aggregated_list))
        .route("/zones/{zone}/machineTypes", get(list))
        .route("/zones/{zone}/machineTypes/{name}", get(get_one))
}

async fn list(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let (project, zone) = (place.project()?.id, place.zone()?.unwrap_or_default());
    let all = MACHINE_TYPES
        .iter()
        .map(|machine_type| body(project, zone, machine_type));
    let page = query.page(all.collect())?;
    let parent = machine_types::parent(project, zone);
    Ok(listing("compute#machineTypeList", &parent, page))
}

async fn aggregated_list(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let project = place.project()?.id;
    let all = ZONES.iter().flat_map(|zone| {
        MACHINE_TYPES
            .iter()
            .map(|machine_type| body(project, zone, machine_type))
    });
    let page = query.page(all.collect())?;
    Ok(aggregate(
        "compute#machineType",
        "machineTypes",
        project,
        &zones().collect::<Vec<_>>(),
        page,
    ))
}

async fn get_one(Path(place): Path<Place>) -> Answer {
    let (project, zone) = (place.project()?.id, place.zone()?.unwrap_or_default());
    let name = place.name.as_deref().unwrap_or_default();
    let machine_type = machine_types::find(project, zone, name)?;
    Ok(Json(body(project, zone, machine_type)))
}

fn body(project: &str, zone: &str, machine_type: &MachineType) -> Value {
    let MachineType {
        name,
        cpus,
        memory_mib,
    } = machine_type;
    json!({
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
        "zone": zone,
        "selfLink": machine_types::link_of(project, zone, machine_type),
    })
}
