//! Compute Engine, version 1.

mod access;
pub(super) mod batch;
mod call;
mod collections;
mod disks;
mod firewalls;
mod group_managers;
mod groups;
mod guest_attributes;
mod handlers;
mod images;
mod instance_templates;
mod instances;
mod machine_types;
mod needs;
mod networks;
mod operations;
mod places;
mod resource_policies;
mod serial_port;
mod snapshots;
mod subnetworks;

use axum::response::IntoResponse;

use super::table::{Api, Table, project_in_path};
use crate::catalog::services::COMPUTE;

pub use batch::{Apis, LIMIT as BATCH_LIMIT, batch};

static API: Api = Api {
    service: Some(COMPUTE),
    project: project_in_path,
    resource: access::resource,
    permit: access::check,
    refuse: IntoResponse::into_response,
};

/// Its methods: one line for each resource.
pub fn tables() -> impl Iterator<Item = Table> {
    [
        disks::methods(),
        firewalls::methods(),
        group_managers::methods(),
        groups::methods(),
        guest_attributes::methods(),
        images::methods(),
        instance_templates::methods(),
        instances::methods(),
        machine_types::methods(),
        networks::methods(),
        operations::methods(),
        places::methods(),
        resource_policies::methods(),
        serial_port::methods(),
        snapshots::methods(),
        subnetworks::methods(),
    ]
    .into_iter()
    .map(|methods| Table { api: &API, methods })
}
