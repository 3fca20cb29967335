//! Buckets.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::call::Call;
use super::super::handler::{json, now, plain};
use super::super::list::ListQuery;
use super::super::method::{self, Method};
use super::fields::{Field, Kind, merge, settable};
use super::iam::name;
use crate::clock;
use crate::engine::storage::{Preconditions, buckets};
use crate::error::Error;
use crate::key::last;
use crate::store::{objects as store, policies, projects};

/// What a client may say of a bucket.
const SETTABLE: [Field; 17] = [
    ("autoclass", Kind::Map),
    ("billing", Kind::Map),
    ("cors", Kind::List),
    ("customPlacementConfig", Kind::Map),
    ("defaultEventBasedHold", Kind::Flag),
    ("encryption", Kind::Map),
    ("hierarchicalNamespace", Kind::Map),
    ("iamConfiguration", Kind::Map),
    ("labels", Kind::Map),
    ("lifecycle", Kind::Map),
    ("location", Kind::Text),
    ("logging", Kind::Map),
    ("name", Kind::Text),
    ("rpo", Kind::Text),
    ("softDeletePolicy", Kind::Map),
    ("storageClass", Kind::Text),
    ("website", Kind::Map),
];

/// What is the server's to say, or has no effect in this engine: its buckets have no ACLs.
const OWN: [&str; 16] = [
    "acl",
    "defaultObjectAcl",
    "etag",
    "generation",
    "id",
    "kind",
    "locationType",
    "metageneration",
    "owner",
    "projectNumber",
    "satisfiesPZI",
    "satisfiesPZS",
    "selfLink",
    "timeCreated",
    "updated",
    "versioning",
];

pub fn methods() -> Vec<Method> {
    vec![
        method::get("storage.buckets.list", "storage/v1/b")
            .needs("storage.buckets.list", plain(list)),
        method::post("storage.buckets.insert", "storage/v1/b")
            .needs("storage.buckets.create", json(insert)),
        method::get("storage.buckets.get", "storage/v1/b/{bucket}")
            .needs("storage.buckets.get", plain(get)),
        method::patch("storage.buckets.patch", "storage/v1/b/{bucket}").needs(
            "storage.buckets.update",
            json(|call, tx, request| change(call, tx, request, false)),
        ),
        method::put("storage.buckets.update", "storage/v1/b/{bucket}").needs(
            "storage.buckets.update",
            json(|call, tx, request| change(call, tx, request, true)),
        ),
        method::delete("storage.buckets.delete", "storage/v1/b/{bucket}")
            .needs("storage.buckets.delete", now(delete)),
        method::get(
            "storage.buckets.getStorageLayout",
            "storage/v1/b/{bucket}/storageLayout",
        )
        .needs("storage.objects.list", plain(layout)),
        method::get(
            "storage.managedFolders.list",
            "storage/v1/b/{bucket}/managedFolders",
        )
        .needs("storage.managedFolders.list", plain(managed_folders)),
    ]
}

#[derive(Deserialize)]
struct InsertQuery {
    project: Option<String>,
}

#[derive(Deserialize)]
struct BucketListQuery {
    project: Option<String>,
    #[serde(default)]
    prefix: String,
}

fn insert(call: &Call, tx: &Connection, request: Value) -> Result<Value, Error> {
    let query: InsertQuery = call.query()?;
    let reference = query.project.ok_or_else(|| Error::required("project"))?;
    let fields = said(request)?;
    let text = |field: &str| {
        fields
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (name, location) = (text("name").to_owned(), text("location").to_uppercase());
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if !(3..=63).contains(&name.len()) || !name.chars().all(good) {
        return Err(Error::invalid(format!("Invalid bucket name: '{name}'")));
    }
    let now = clock::now();
    let mut body = json!({
        "kind": "storage#bucket",
        "id": name,
        "selfLink": format!("https://www.googleapis.com/storage/v1/b/{name}"),
        "timeCreated": now,
        "updated": now,
        "storageClass": "STANDARD",
        "iamConfiguration": {
            "bucketPolicyOnly": {"enabled": false},
            "uniformBucketLevelAccess": {"enabled": false},
            "publicAccessPrevention": "inherited",
        },
    });
    merge(&mut body, fields);
    let location = if location.is_empty() { "US" } else { &location };
    body["location"] = location.into();
    body["locationType"] = if location.contains('-') {
        "region"
    } else {
        "multi-region"
    }
    .into();
    stamp(&mut body, 1);
    let project = projects::get(tx, &reference)?
        .ok_or_else(|| Error::invalid(format!("Unknown project id: {reference}")))?;
    if project.billing_account.is_none() {
        return Err(Error::account_disabled());
    }
    body["projectNumber"] = last(project.name()).into();
    if let Some(there) = store::bucket(tx, &name)? {
        return Err(Error::conflict(
            "conflict",
            if there["projectNumber"] == body["projectNumber"] {
                "Your previous request to create the named bucket succeeded and you already own it."
            } else {
                "The requested bucket name is not available. The bucket namespace is shared by \
                 all users of the system. Please select a different name and try again."
            },
        ));
    }
    store::insert_bucket(tx, &name, &body)?;
    Ok(body)
}

/// The fields of a request. What this engine cannot keep to is refused.
fn said(request: Value) -> Result<Map<String, Value>, Error> {
    if request["versioning"]["enabled"] == true {
        return Err(Error::field(
            "versioning.enabled",
            "true",
            "This engine keeps no old generations of objects.",
        ));
    }
    settable(request, &SETTABLE, &OWN)
}

/// What follows from a bucket's fields: its metageneration, and what of its access is said twice.
fn stamp(body: &mut Value, metageneration: u64) {
    let uniform = &body["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"];
    let access = if *uniform == true {
        json!({"enabled": true, "lockedTime": "2036-01-01T00:00:00.000Z"})
    } else {
        json!({"enabled": false})
    };
    body["iamConfiguration"]["uniformBucketLevelAccess"] = access.clone();
    body["iamConfiguration"]["bucketPolicyOnly"] = access;
    body["metageneration"] = metageneration.to_string().into();
    body["etag"] = BASE64_STANDARD.encode(metageneration.to_be_bytes()).into();
    body["updated"] = clock::now().into();
}

/// Changes the fields that the request has; a `whole` one says all there is to say.
fn change(call: &Call, tx: &Connection, request: Value, whole: bool) -> Result<Value, Error> {
    const FIXED: [&str; 4] = ["name", "location", "storageClass", "iamConfiguration"];
    let conditions: Preconditions = call.query()?;
    let mut changes = said(request)?;
    changes.retain(|field, _| !["name", "location"].contains(&field.as_str()));
    let mut body = buckets::find(tx, call.name())?;
    conditions.check(Some(&body))?;
    if let Some(fields) = body.as_object_mut().filter(|_| whole) {
        fields.retain(|field, _| {
            FIXED.contains(&field.as_str()) || !SETTABLE.iter().any(|(name, _)| name == field)
        });
    }
    merge(&mut body, changes);
    let metageneration = body["metageneration"]
        .as_str()
        .and_then(|text| text.parse().ok());
    stamp(&mut body, metageneration.unwrap_or(0_u64) + 1);
    store::update_bucket(tx, call.name(), &body)?;
    Ok(body)
}

/// Where a bucket lies, for clients that choose by it how to list.
fn layout(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let bucket = buckets::find(tx, call.name())?;
    Ok(json!({
        "kind": "storage#storageLayout",
        "bucket": call.name(),
        "location": bucket["location"],
        "locationType": bucket["locationType"],
        "hierarchicalNamespace": {"enabled": false},
    }))
}

/// The managed folders of a bucket: none, for they exist to have policies of their own.
fn managed_folders(call: &Call, tx: &Connection) -> Result<Value, Error> {
    buckets::find(tx, call.name())?;
    Ok(json!({"kind": "storage#managedFolders"}))
}

fn list(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let BucketListQuery { project, prefix } = call.query()?;
    let query: ListQuery = call.query()?;
    let reference = project.ok_or_else(|| Error::required("project"))?;
    let project = projects::get(tx, &reference)?
        .ok_or_else(|| Error::invalid(format!("Unknown project id: {reference}")))?;
    let mut buckets = store::buckets(tx)?;
    buckets.retain(|bucket| {
        bucket["projectNumber"] == *last(project.name())
            && bucket["name"]
                .as_str()
                .is_some_and(|name| name.starts_with(&prefix))
    });
    let page = query.page(buckets)?;
    let mut list = json!({"kind": "storage#buckets"});
    if !page.items.is_empty() {
        list["items"] = page.items.into();
    }
    if let Some(next) = page.next {
        list["nextPageToken"] = next.into();
    }
    Ok(list)
}

fn get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let conditions: Preconditions = call.query()?;
    let bucket = buckets::find(tx, call.name())?;
    conditions.check(Some(&bucket))?;
    Ok(bucket)
}

fn delete(call: &Call) -> Result<Value, Error> {
    let conditions: Preconditions = call.query()?;
    let bucket = call.name();
    call.engine.store.transaction(|tx| {
        conditions.check(Some(&buckets::find(tx, bucket)?))?;
        if !store::list(tx, bucket)?.is_empty() {
            return Err(Error::conflict(
                "conflict",
                "The bucket you tried to delete is not empty.",
            ));
        }
        policies::remove(tx, &name(bucket))?;
        store::remove_uploads_to(tx, bucket)?;
        Ok(store::remove_bucket(tx, bucket)?)
    })?;
    call.engine.sweep();
    Ok(Value::Null)
}
