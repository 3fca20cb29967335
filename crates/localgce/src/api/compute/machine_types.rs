//! Machine types.

use serde_json::{Value, json};

use super::collections::{aggregate, listing, zones};
use crate::api::call::Call;
use crate::api::handler::now;
use crate::api::list::ListQuery;
use crate::api::method::{self, Method};
use crate::catalog::{MACHINE_TYPES, MachineType, ZONES};
use crate::engine::machine_types;
use crate::error::Error;

/// The methods of machine types.
pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.machineTypes.aggregatedList",
            "compute/v1/projects/{project}/aggregated/machineTypes",
        )
        .needs("compute.machineTypes.list", now(aggregated_list)),
        method::get(
            "compute.machineTypes.list",
            "compute/v1/projects/{project}/zones/{zone}/machineTypes",
        )
        .needs("compute.machineTypes.list", now(list)),
        method::get(
            "compute.machineTypes.get",
            "compute/v1/projects/{project}/zones/{zone}/machineTypes/{machineType}",
        )
        .needs("compute.machineTypes.get", now(get)),
    ]
}

fn list(call: &Call) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let (project, zone) = (call.known_project()?.id, call.zone()?);
    let all = MACHINE_TYPES
        .iter()
        .map(|machine_type| body(project, zone, machine_type));
    let page = query.page(all.collect())?;
    let parent = machine_types::parent(project, zone);
    Ok(listing("compute#machineTypeList", &parent, page))
}

fn aggregated_list(call: &Call) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let project = call.known_project()?.id;
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

fn get(call: &Call) -> Result<Value, Error> {
    let (project, zone) = (call.known_project()?.id, call.zone()?);
    let machine_type = machine_types::find(project, zone, call.name())?;
    Ok(body(project, zone, machine_type))
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
