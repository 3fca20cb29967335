//! Compute Engine, version 1.

mod access;
pub(super) mod batch;
mod collections;
mod disks;
mod firewalls;
mod group_managers;
mod groups;
mod guest_attributes;
mod images;
mod instance_templates;
mod instances;
mod labels;
mod machine_types;
mod networks;
mod one;
mod operations;
mod place;
mod places;
mod resource_policies;
mod serial_port;
mod snapshots;
mod subnetworks;

use std::sync::Arc;

use axum::Router;

use crate::engine::Engine;

pub use batch::{LIMIT as BATCH_LIMIT, batch};

/// What is below `projects/{project}`.
pub fn router(engine: &Arc<Engine>) -> Router<Arc<Engine>> {
    let routes = Router::new()
        .merge(places::router())
        .merge(machine_types::router())
        .merge(networks::router())
        .merge(subnetworks::router())
        .merge(images::router())
        .merge(instances::router())
        .merge(guest_attributes::router())
        .merge(serial_port::router())
        .merge(instance_templates::router())
        .merge(groups::router())
        .merge(group_managers::router())
        .merge(disks::router())
        .merge(snapshots::router())
        .merge(resource_policies::router())
        .merge(firewalls::router())
        .merge(operations::router());
    access::checked(routes, engine)
}
