//! Who may do what with a bucket.

use std::sync::Arc;

use axum::extract::{Path, Query, RawQuery, State};
use axum::{Extension, Json};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::{Body, typed};
use super::super::grants::permits;
use super::super::policy::{Policy, answered, of_project, replace};
use super::place::{Answer, Place};
use crate::engine::Caller;
use crate::engine::Engine;
use crate::engine::storage::buckets;
use crate::error::Error;
use crate::store::{objects as store, policies, projects};

#[derive(Deserialize)]
pub struct VersionQuery {
    #[serde(rename = "optionsRequestedPolicyVersion", default)]
    version: u8,
}

pub async fn get(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<VersionQuery>,
) -> Answer {
    let policy = engine.store.transaction(|tx| present(tx, &place))?;
    Ok(Json(body(&place, answered(policy, query.version))))
}

pub async fn set(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Body(mut request): Body<Value>,
) -> Answer {
    if let Some(fields) = request.as_object_mut() {
        fields.shift_remove("resourceId");
    }
    let request: Policy = typed(request)?;
    let policy = engine.store.transaction(|tx| {
        let present = present(tx, &place)?;
        let policy = replace(tx, &present, request).map_err(|error| match error.code {
            409 => Error::condition(error.message),
            _ => error,
        })?;
        policies::set(tx, &name(&place.bucket), &policy)?;
        Ok::<_, Error>(policy)
    })?;
    Ok(Json(body(&place, answered(policy, 3))))
}

/// Which of the permissions in the query the caller has.
pub async fn test(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let asked = query
        .split('&')
        .filter_map(|term| term.strip_prefix("permissions="));
    let held = engine.store.transaction(|tx| {
        present(tx, &place)?;
        let (name, policies) = (name(&place.bucket), policies_of(tx, &place.bucket)?);
        let mut held = Vec::new();
        for permission in asked {
            if permits(tx, &caller, permission, &name, &policies.each_ref())? {
                held.push(permission);
            }
        }
        Ok::<_, Error>(held)
    })?;
    Ok(Json(json!({
        "kind": "storage#testIamPermissionsResponse", "permissions": held,
    })))
}

/// A bucket, as policies call it.
pub fn name(bucket: &str) -> String {
    format!("projects/_/buckets/{bucket}")
}

fn present(tx: &Connection, place: &Place) -> Result<Value, Error> {
    policy(tx, &buckets::find(tx, &place.bucket)?)
}

/// A bucket's policy: the one that somebody has set, or the one that new buckets have.
pub fn policy(tx: &Connection, bucket: &Value) -> Result<Value, Error> {
    let policy = policies::get(tx, &name(bucket["name"].as_str().unwrap_or_default()))?;
    if policy != json!({}) {
        return Ok(policy);
    }
    let project = bucket["projectNumber"].as_str().unwrap_or_default();
    Ok(json!({"version": 1, "bindings": [
        {
            "role": "roles/storage.legacyBucketOwner",
            "members": [format!("projectEditor:{project}"), format!("projectOwner:{project}")],
        },
        {
            "role": "roles/storage.legacyBucketReader",
            "members": [format!("projectViewer:{project}")],
        },
    ]}))
}

/// The policies of a bucket and of its project.
pub fn policies_of(tx: &Connection, bucket: &str) -> Result<[Value; 2], Error> {
    let Some(bucket) = store::bucket(tx, bucket)? else {
        return Ok([Value::Null, Value::Null]);
    };
    let number = bucket["projectNumber"].as_str().unwrap_or_default();
    Ok([policy(tx, &bucket)?, project_policy(tx, number)?])
}

/// The policy of a project, by its id or number.
pub fn project_policy(tx: &Connection, reference: &str) -> Result<Value, Error> {
    match projects::get(tx, reference)? {
        Some(project) => of_project(tx, &project.id),
        None => Ok(Value::Null),
    }
}

fn body(place: &Place, mut policy: Value) -> Value {
    policy["kind"] = "storage#policy".into();
    policy["resourceId"] = name(&place.bucket).into();
    policy
}
