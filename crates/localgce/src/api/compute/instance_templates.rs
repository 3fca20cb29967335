//! Templates of instances, global and regional.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::handlers::{aggregated_list, delete, get, list, mutate};
use super::instances::accounts;
use crate::api::call::Call;
use crate::api::method::{self, Method, Need};
use crate::engine::templates::{self, refuse_while_used};
use crate::engine::{Work, nothing};
use crate::error::Error;
use crate::key::{Key, Kind};

/// The methods of templates.
pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.instanceTemplates.aggregatedList",
            "compute/v1/projects/{project}/aggregated/instanceTemplates",
        )
        .needs(
            "compute.instanceTemplates.list",
            aggregated_list(Kind::InstanceTemplate),
        ),
        method::get(
            "compute.instanceTemplates.list",
            "compute/v1/projects/{project}/global/instanceTemplates",
        )
        .needs(
            "compute.instanceTemplates.list",
            list(Kind::InstanceTemplate),
        ),
        method::post(
            "compute.instanceTemplates.insert",
            "compute/v1/projects/{project}/global/instanceTemplates",
        )
        .needs(
            "compute.instanceTemplates.create",
            mutate("insert", Kind::InstanceTemplate, create),
        )
        .refers(refers),
        method::get(
            "compute.instanceTemplates.get",
            "compute/v1/projects/{project}/global/instanceTemplates/{instanceTemplate}",
        )
        .needs("compute.instanceTemplates.get", get(Kind::InstanceTemplate)),
        method::delete(
            "compute.instanceTemplates.delete",
            "compute/v1/projects/{project}/global/instanceTemplates/{instanceTemplate}",
        )
        .needs(
            "compute.instanceTemplates.delete",
            delete(Kind::InstanceTemplate, refuse_while_used),
        ),
        method::get(
            "compute.regionInstanceTemplates.list",
            "compute/v1/projects/{project}/regions/{region}/instanceTemplates",
        )
        .needs(
            "compute.instanceTemplates.list",
            list(Kind::InstanceTemplate),
        ),
        method::post(
            "compute.regionInstanceTemplates.insert",
            "compute/v1/projects/{project}/regions/{region}/instanceTemplates",
        )
        .needs(
            "compute.instanceTemplates.create",
            mutate("insert", Kind::InstanceTemplate, create),
        )
        .refers(refers),
        method::get(
            "compute.regionInstanceTemplates.get",
            "compute/v1/projects/{project}/regions/{region}/instanceTemplates/{instanceTemplate}",
        )
        .needs("compute.instanceTemplates.get", get(Kind::InstanceTemplate)),
        method::delete(
            "compute.regionInstanceTemplates.delete",
            "compute/v1/projects/{project}/regions/{region}/instanceTemplates/{instanceTemplate}",
        )
        .needs(
            "compute.instanceTemplates.delete",
            delete(Kind::InstanceTemplate, refuse_while_used),
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceTemplate {
    #[serde(default, rename = "name")]
    _name: String,
    description: Option<String>,
    #[serde(rename = "region")]
    _region: Option<String>,
    properties: Map<String, Value>,
}

fn create(_: &Call, tx: &Connection, key: &Key, request: InstanceTemplate) -> Result<Work, Error> {
    templates::create(tx, key, request.description.as_deref(), request.properties)?;
    nothing()
}

/// The accounts that the template's instances run as.
fn refers(_: &Connection, call: &Call, _: &str, body: &Value) -> Vec<Need> {
    accounts(call, &body["properties"])
}
