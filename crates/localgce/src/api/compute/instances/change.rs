//! Changes of an instance's tags, metadata, service account, machine type, scheduling and the like.

use rusqlite::Connection;
use serde::Deserialize;

use super::refers;
use crate::api::call::Call;
use crate::api::compute::handlers::mutate;
use crate::api::method::{self, Method};
use crate::engine::Work;
use crate::engine::instances::{
    Metadata, Scheduling, ServiceAccount, ShieldedInstanceConfig, Tags,
};
use crate::error::Error;
use crate::key::{Key, Kind};

/// The methods by which an instance changes.
pub fn methods() -> Vec<Method> {
    vec![
        method::post(
            "compute.instances.setMetadata",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/setMetadata",
        )
        .needs(
            "compute.instances.setMetadata",
            mutate("setMetadata", Kind::Instance, set_metadata),
        ),
        method::post(
            "compute.instances.setTags",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/setTags",
        )
        .needs("compute.instances.setTags", mutate("setTags", Kind::Instance, set_tags)),
        method::post(
            "compute.instances.setServiceAccount",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/setServiceAccount",
        )
        .needs(
            "compute.instances.setServiceAccount",
            mutate("setServiceAccount", Kind::Instance, set_service_account),
        )
        .refers(refers::service_account),
        method::post(
            "compute.instances.setMachineType",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/setMachineType",
        )
        .needs(
            "compute.instances.setMachineType",
            mutate("setMachineType", Kind::Instance, set_machine_type),
        ),
        method::post(
            "compute.instances.setScheduling",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/setScheduling",
        )
        .needs(
            "compute.instances.setScheduling",
            mutate("setScheduling", Kind::Instance, set_scheduling),
        ),
        method::patch(
            "compute.instances.updateShieldedInstanceConfig",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/updateShieldedInstanceConfig",
        )
        .needs(
            "compute.instances.updateShieldedInstanceConfig",
            mutate("updateShieldedInstanceConfig", Kind::Instance, update_shielded_config),
        ),
    ]
}

fn set_metadata(
    call: &Call,
    tx: &Connection,
    key: &Key,
    metadata: Metadata,
) -> Result<Work, Error> {
    call.engine.set_metadata(tx, key, &metadata)
}

fn set_tags(call: &Call, tx: &Connection, key: &Key, tags: Tags) -> Result<Work, Error> {
    call.engine.set_tags(tx, key, &tags)
}

fn set_service_account(
    call: &Call,
    tx: &Connection,
    key: &Key,
    account: ServiceAccount,
) -> Result<Work, Error> {
    call.engine.set_service_account(tx, key, account)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetMachineTypeRequest {
    machine_type: String,
}

fn set_machine_type(
    call: &Call,
    tx: &Connection,
    key: &Key,
    request: SetMachineTypeRequest,
) -> Result<Work, Error> {
    call.engine.set_machine_type(tx, key, &request.machine_type)
}

fn set_scheduling(
    call: &Call,
    tx: &Connection,
    key: &Key,
    scheduling: Scheduling,
) -> Result<Work, Error> {
    call.engine.set_scheduling(tx, key, &scheduling)
}

fn update_shielded_config(
    call: &Call,
    tx: &Connection,
    key: &Key,
    config: ShieldedInstanceConfig,
) -> Result<Work, Error> {
    call.engine.update_shielded_config(tx, key, &config)
}
