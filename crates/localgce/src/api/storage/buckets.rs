//! Buckets.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::body::Body;
use super::super::list::ListQuery;
use super::fields::{Field, Kind, merge, settable};
use super::place::{Answer, Place};
use crate::clock;
use crate::engine::Engine;
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

#[derive(Deserialize)]
pub struct InsertQuery {
    project: Option<String>,
}

#[derive(Deserialize)]
pub struct BucketListQuery {
    project: Option<String>,
    #[serde(default)]
    prefix: String,
}

pub async fn insert(
    State(engine): State<Arc<Engine>>,
    Query(query): Query<InsertQuery>,
    Body(request): Body<Value>,
) -> Answer {
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
    let body = engine.store.transaction(|tx| {
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
    })?;
    Ok(Json(body))
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

/// Changes the fields that the request has.
pub async fn patch(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(conditions): Query<Preconditions>,
    Body(request): Body<Value>,
) -> Answer {
    change(&engine, &place, &conditions, request, false)
}

/// The same for a client that says all there is to say.
pub async fn update(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(conditions): Query<Preconditions>,
    Body(request): Body<Value>,
) -> Answer {
    change(&engine, &place, &conditions, request, true)
}

fn change(
    engine: &Engine,
    place: &Place,
    conditions: &Preconditions,
    request: Value,
    whole: bool,
) -> Answer {
    const FIXED: [&str; 4] = ["name", "location", "storageClass", "iamConfiguration"];
    let mut changes = said(request)?;
    changes.retain(|field, _| !["name", "location"].contains(&field.as_str()));
    let body = engine.store.transaction(|tx| {
        let mut body = buckets::find(tx, &place.bucket)?;
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
        store::update_bucket(tx, &place.bucket, &body)?;
        Ok::<_, Error>(body)
    })?;
    Ok(Json(body))
}

/// Where a bucket lies, for clients that choose by it how to list.
pub async fn layout(State(engine): State<Arc<Engine>>, Path(place): Path<Place>) -> Answer {
    let bucket = engine
        .store
        .transaction(|tx| buckets::find(tx, &place.bucket))?;
    Ok(Json(json!({
        "kind": "storage#storageLayout",
        "bucket": place.bucket,
        "location": bucket["location"],
        "locationType": bucket["locationType"],
        "hierarchicalNamespace": {"enabled": false},
    })))
}

/// The managed folders of a bucket: none, for they exist to have policies of their own.
pub async fn managed_folders(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
) -> Answer {
    engine
        .store
        .transaction(|tx| buckets::find(tx, &place.bucket))?;
    Ok(Json(json!({"kind": "storage#managedFolders"})))
}

pub async fn list(
    State(engine): State<Arc<Engine>>,
    Query(BucketListQuery { project, prefix }): Query<BucketListQuery>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let reference = project.ok_or_else(|| Error::required("project"))?;
    let mut buckets = engine.store.transaction(|tx| {
        let project = projects::get(tx, &reference)?
            .ok_or_else(|| Error::invalid(format!("Unknown project id: {reference}")))?;
        let mut buckets = store::buckets(tx)?;
        buckets.retain(|bucket| bucket["projectNumber"] == *last(project.name()));
        Ok::<_, Error>(buckets)
    })?;
    buckets.retain(|bucket| {
        bucket["name"]
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
    Ok(Json(list))
}

pub async fn get(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(conditions): Query<Preconditions>,
) -> Answer {
    let bucket = engine
        .store
        .transaction(|tx| buckets::find(tx, &place.bucket))?;
    conditions.check(Some(&bucket))?;
    Ok(Json(bucket))
}

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(conditions): Query<Preconditions>,
) -> Result<StatusCode, Error> {
    engine.store.transaction(|tx| {
        let bucket = buckets::find(tx, &place.bucket)?;
        conditions.check(Some(&bucket))?;
        if !store::list(tx, &place.bucket)?.is_empty() {
            return Err(Error::conflict(
                "conflict",
                "The bucket you tried to delete is not empty.",
            ));
        }
        policies::remove(tx, &format!("projects/_/buckets/{}", place.bucket))?;
        store::remove_uploads_to(tx, &place.bucket)?;
        Ok(store::remove_bucket(tx, &place.bucket)?)
    })?;
    engine.sweep();
    Ok(StatusCode::NO_CONTENT)
}
