//! Resource policies: schedules of snapshots.

use rusqlite::Connection;

use super::handlers::{aggregated_list, delete, get, list, mutate};
use crate::api::call::Call;
use crate::api::method::{self, Method};
use crate::engine::Work;
use crate::engine::resource_policies::{self, ResourcePolicy, check_unused};
use crate::error::Error;
use crate::key::{Key, Kind};

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.resourcePolicies.aggregatedList",
            "compute/v1/projects/{project}/aggregated/resourcePolicies",
        )
        .needs(
            "compute.resourcePolicies.list",
            aggregated_list(Kind::ResourcePolicy),
        ),
        method::get(
            "compute.resourcePolicies.list",
            "compute/v1/projects/{project}/regions/{region}/resourcePolicies",
        )
        .needs("compute.resourcePolicies.list", list(Kind::ResourcePolicy)),
        method::post(
            "compute.resourcePolicies.insert",
            "compute/v1/projects/{project}/regions/{region}/resourcePolicies",
        )
        .needs(
            "compute.resourcePolicies.create",
            mutate("insert", Kind::ResourcePolicy, insert),
        ),
        method::get(
            "compute.resourcePolicies.get",
            "compute/v1/projects/{project}/regions/{region}/resourcePolicies/{resourcePolicy}",
        )
        .needs("compute.resourcePolicies.get", get(Kind::ResourcePolicy)),
        method::delete(
            "compute.resourcePolicies.delete",
            "compute/v1/projects/{project}/regions/{region}/resourcePolicies/{resourcePolicy}",
        )
        .needs(
            "compute.resourcePolicies.delete",
            delete(Kind::ResourcePolicy, check_unused),
        ),
    ]
}

fn insert(_: &Call, tx: &Connection, key: &Key, policy: ResourcePolicy) -> Result<Work, Error> {
    resource_policies::insert(tx, key, policy)
}
