//! Operations: global, regional and zonal.

use axum::extract::Request;
use axum::response::Response;
use rusqlite::Connection;
use serde_json::Value;

use super::handlers::{aggregated_list, get, list};
use crate::api::call::Call;
use crate::api::handler::{answer, plain, raw};
use crate::api::method::{self, Method};
use crate::engine::records::get as record;
use crate::error::Error;
use crate::key::Kind;
use crate::store::resources;

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.globalOperations.aggregatedList",
            "compute/v1/projects/{project}/aggregated/operations",
        )
        .needs(
            "compute.globalOperations.list",
            aggregated_list(Kind::Operation),
        ),
        method::get(
            "compute.globalOperations.list",
            "compute/v1/projects/{project}/global/operations",
        )
        .needs("compute.globalOperations.list", list(Kind::Operation)),
        method::get(
            "compute.globalOperations.get",
            "compute/v1/projects/{project}/global/operations/{operation}",
        )
        .needs("compute.globalOperations.get", get(Kind::Operation)),
        method::delete(
            "compute.globalOperations.delete",
            "compute/v1/projects/{project}/global/operations/{operation}",
        )
        .needs("compute.globalOperations.delete", plain(delete)),
        method::post(
            "compute.globalOperations.wait",
            "compute/v1/projects/{project}/global/operations/{operation}/wait",
        )
        .needs("compute.globalOperations.get", raw(wait)),
        method::get(
            "compute.regionOperations.list",
            "compute/v1/projects/{project}/regions/{region}/operations",
        )
        .needs("compute.regionOperations.list", list(Kind::Operation)),
        method::get(
            "compute.regionOperations.get",
            "compute/v1/projects/{project}/regions/{region}/operations/{operation}",
        )
        .needs("compute.regionOperations.get", get(Kind::Operation)),
        method::delete(
            "compute.regionOperations.delete",
            "compute/v1/projects/{project}/regions/{region}/operations/{operation}",
        )
        .needs("compute.regionOperations.delete", plain(delete)),
        method::post(
            "compute.regionOperations.wait",
            "compute/v1/projects/{project}/regions/{region}/operations/{operation}/wait",
        )
        .needs("compute.regionOperations.get", raw(wait)),
        method::get(
            "compute.zoneOperations.list",
            "compute/v1/projects/{project}/zones/{zone}/operations",
        )
        .needs("compute.zoneOperations.list", list(Kind::Operation)),
        method::get(
            "compute.zoneOperations.get",
            "compute/v1/projects/{project}/zones/{zone}/operations/{operation}",
        )
        .needs("compute.zoneOperations.get", get(Kind::Operation)),
        method::delete(
            "compute.zoneOperations.delete",
            "compute/v1/projects/{project}/zones/{zone}/operations/{operation}",
        )
        .needs("compute.zoneOperations.delete", plain(delete)),
        method::post(
            "compute.zoneOperations.wait",
            "compute/v1/projects/{project}/zones/{zone}/operations/{operation}/wait",
        )
        .needs("compute.zoneOperations.get", raw(wait)),
    ]
}

async fn wait(call: Call, _: Request) -> Result<Response, Error> {
    call.engine
        .wait(&call.key(Kind::Operation)?)
        .await
        .map(answer)
}

/// Forgets an operation that is done.
fn delete(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let key = call.key(Kind::Operation)?;
    if record(tx, &key)?["status"] != "DONE" {
        return Err(Error::not_ready(&key.path(), "it is not DONE"));
    }
    resources::remove(tx, &key)?;
    Ok(Value::Null)
}
