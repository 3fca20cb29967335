//! Networks: the default one.

use serde_json::{Value, json};

use super::collections::listing;
use crate::api::call::Call;
use crate::api::handler::now;
use crate::api::list::ListQuery;
use crate::api::method::{self, Method};
use crate::engine::networks;
use crate::error::Error;

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.networks.list",
            "compute/v1/projects/{project}/global/networks",
        )
        .needs("compute.networks.list", now(list)),
        method::get(
            "compute.networks.get",
            "compute/v1/projects/{project}/global/networks/{network}",
        )
        .needs("compute.networks.get", now(get)),
    ]
}

fn list(call: &Call) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let project = call.known_project()?.id;
    let page = query.page(vec![body(project)?])?;
    let path = format!("projects/{project}/global/networks");
    Ok(listing("compute#networkList", &path, page))
}

fn get(call: &Call) -> Result<Value, Error> {
    let project = call.known_project()?.id;
    networks::find(project, call.resource())?;
    body(project)
}

fn body(project: &str) -> Result<Value, Error> {
    Ok(json!({
        "kind": "compute#network",
        "id": "3000",
        "creationTimestamp": "2026-01-01T00:00:00.000Z",
        "name": networks::DEFAULT,
        "description": "Default network for the project",
        "autoCreateSubnetworks": true,
        "mtu": 1460,
        "routingConfig": {"routingMode": "REGIONAL"},
        "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
        "selfLink": networks::find(project, None)?,
    }))
}
