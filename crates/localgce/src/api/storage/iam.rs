//! Who may do what with a bucket.

use axum::http::Uri;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::typed;
use super::super::call::Call;
use super::super::handler::{json, plain};
use super::super::method::{self, Method};
use super::super::policy::{Guarded, Policy, answered, of_project, replace};
use crate::engine::storage::buckets;
use crate::error::Error;
use crate::store::{objects as store, policies, projects};

/// How the names of buckets begin, as policies call them.
pub const BUCKETS: &str = "projects/_/buckets/";

pub fn methods() -> Vec<Method> {
    vec![
        method::get("storage.buckets.getIamPolicy", "storage/v1/b/{bucket}/iam")
            .needs("storage.buckets.getIamPolicy", plain(get)),
        method::put("storage.buckets.setIamPolicy", "storage/v1/b/{bucket}/iam")
            .needs("storage.buckets.setIamPolicy", json(set)),
        method::get(
            "storage.buckets.testIamPermissions",
            "storage/v1/b/{bucket}/iam/testPermissions",
        )
        .open(plain(test)),
    ]
}

#[derive(Deserialize)]
struct VersionQuery {
    #[serde(rename = "optionsRequestedPolicyVersion", default)]
    version: u8,
}

fn get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query: VersionQuery = call.query()?;
    let bucket = present(tx, call)?;
    Ok(body(&bucket.name, answered(bucket.own, query.version)))
}

fn set(call: &Call, tx: &Connection, mut request: Value) -> Result<Value, Error> {
    if let Some(fields) = request.as_object_mut() {
        fields.shift_remove("resourceId");
    }
    let request: Policy = typed(request)?;
    let bucket = present(tx, call)?;
    let policy = replace(tx, &bucket.own, request).map_err(|error| match error.code {
        409 => Error::condition(error.message),
        _ => error,
    })?;
    policies::set(tx, &bucket.name, &policy)?;
    Ok(body(&bucket.name, answered(policy, 3)))
}

/// Which of the permissions in the query the caller has.
fn test(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let bucket = present(tx, call)?;
    let mut held = Vec::new();
    for permission in asked(&call.uri) {
        if bucket.permits(tx, &call.caller, permission, &bucket.name)? {
            held.push(permission);
        }
    }
    Ok(json!({
        "kind": "storage#testIamPermissionsResponse", "permissions": held,
    }))
}

fn asked(uri: &Uri) -> impl Iterator<Item = &str> {
    let terms = uri.query().unwrap_or_default().split('&');
    terms.filter_map(|term| term.strip_prefix("permissions="))
}

/// A bucket, as policies call it.
pub fn name(bucket: &str) -> String {
    format!("{BUCKETS}{bucket}")
}

/// The bucket that a call is about, with the policies that count for it.
fn present(tx: &Connection, call: &Call) -> Result<Guarded, Error> {
    buckets::find(tx, call.name())?;
    let [own, above] = policies_of(tx, call.name())?;
    Ok(Guarded {
        name: name(call.name()),
        own,
        above,
    })
}

/// A bucket's policy: the one that somebody has set, or the one that new buckets have.
fn policy(tx: &Connection, bucket: &Value) -> Result<Value, Error> {
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

fn body(name: &str, mut policy: Value) -> Value {
    policy["kind"] = "storage#policy".into();
    policy["resourceId"] = name.into();
    policy
}
