//! Subnetworks: the default network's.

use serde_json::{Value, json};

use super::collections::{aggregate, listing};
use crate::api::call::Call;
use crate::api::handler::now;
use crate::api::list::ListQuery;
use crate::api::method::{self, Method};
use crate::catalog::REGION;
use crate::engine::networks;
use crate::engine::records::fingerprint;
use crate::error::Error;
use crate::key::{Scope, region_link};

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.subnetworks.aggregatedList",
            "compute/v1/projects/{project}/aggregated/subnetworks",
        )
        .needs("compute.subnetworks.list", now(aggregated_list)),
        method::get(
            "compute.subnetworks.list",
            "compute/v1/projects/{project}/regions/{region}/subnetworks",
        )
        .needs("compute.subnetworks.list", now(list)),
        method::get(
            "compute.subnetworks.get",
            "compute/v1/projects/{project}/regions/{region}/subnetworks/{subnetwork}",
        )
        .needs("compute.subnetworks.get", now(get)),
    ]
}

fn list(call: &Call) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let (project, scope) = (call.known_project()?.id, call.scope()?);
    let page = query.page(vec![body(project)?])?;
    let path = format!("projects/{project}/{}/subnetworks", scope.path());
    Ok(listing("compute#subnetworkList", &path, page))
}

fn aggregated_list(call: &Call) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let project = call.known_project()?.id;
    let page = query.page(vec![body(project)?])?;
    let regions = [Scope::Region(REGION.into())];
    Ok(aggregate(
        "compute#subnetwork",
        "subnetworks",
        project,
        &regions,
        page,
    ))
}

fn get(call: &Call) -> Result<Value, Error> {
    call.scope()?;
    let project = call.known_project()?.id;
    networks::find_subnetwork(project, call.resource())?;
    body(project)
}

/// Its range and gateway are those that a guest sees.
fn body(project: &str) -> Result<Value, Error> {
    Ok(json!({
        "kind": "compute#subnetwork",
        "id": "3001",
        "creationTimestamp": "2026-01-01T00:00:00.000Z",
        "name": "default",
        "network": networks::find(project, None)?,
        "ipCidrRange": "169.254.0.0/16",
        "gatewayAddress": "169.254.10.2",
        "region": region_link(project, REGION),
        "privateIpGoogleAccess": false,
        "purpose": "PRIVATE",
        "stackType": "IPV4_ONLY",
        "fingerprint": fingerprint(&json!("default")),
        "selfLink": networks::find_subnetwork(project, None)?,
    }))
}
