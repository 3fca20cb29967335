//! Buckets.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::{Body, StringMap};
use super::super::error::Error;
use super::super::list::ListQuery;
use super::{Answer, Place, listing, no_bucket};
use crate::engine::Engine;
use crate::store::objects as store;
use crate::{catalog, clock};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bucket {
    #[serde(default)]
    name: String,
    location: Option<String>,
    storage_class: Option<String>,
    labels: Option<StringMap>,
    iam_configuration: Option<Value>,
    lifecycle: Option<Value>,
}

#[derive(Deserialize)]
pub struct InsertQuery {
    project: Option<String>,
}

pub async fn insert(
    State(engine): State<Arc<Engine>>,
    Query(query): Query<InsertQuery>,
    Body(bucket): Body<Bucket>,
) -> Answer {
    let project = query.project.ok_or_else(|| Error::required("project"))?;
    let project = catalog::project(&project)
        .ok_or_else(|| Error::invalid(format!("Unknown project id: {project}")))?;
    let name = bucket.name;
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if !(3..=63).contains(&name.len()) || !name.chars().all(good) {
        return Err(Error::invalid(format!("Invalid bucket name: '{name}'")));
    }
    let now = clock::now();
    let mut body = json!({
        "kind": "storage#bucket",
        "id": name,
        "selfLink": format!("https://www.googleapis.com/storage/v1/b/{name}"),
        "projectNumber": project.number.to_string(),
        "name": name,
        "timeCreated": now,
        "updated": now,
        "metageneration": "1",
        "location": bucket.location.as_deref().unwrap_or("US").to_uppercase(),
        "storageClass": bucket.storage_class.as_deref().unwrap_or("STANDARD"),
        "etag": "CAE=",
    });
    for (field, value) in [
        ("labels", bucket.labels.map(|labels| json!(labels))),
        ("iamConfiguration", bucket.iam_configuration),
        ("lifecycle", bucket.lifecycle),
    ] {
        if let Some(value) = value {
            body[field] = value;
        }
    }
    engine.store.transaction(|tx| {
        if store::bucket(tx, &name)?.is_some() {
            return Err(Error::conflict(
                "conflict",
                "Your previous request to create the named bucket succeeded and you already own it.",
            ));
        }
        Ok(store::insert_bucket(tx, &name, &body)?)
    })?;
    Ok(Json(body))
}

pub async fn list(State(engine): State<Arc<Engine>>, Query(query): Query<ListQuery>) -> Answer {
    let buckets = engine.store.transaction(store::buckets)?;
    Ok(listing("storage#buckets", query.page(buckets)?))
}

pub async fn get(State(engine): State<Arc<Engine>>, Path(place): Path<Place>) -> Answer {
    let bucket = engine
        .store
        .transaction(|tx| store::bucket(tx, &place.bucket))?;
    bucket.map(Json).ok_or_else(no_bucket)
}

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
) -> Result<StatusCode, Error> {
    engine.store.transaction(|tx| {
        store::bucket(tx, &place.bucket)?.ok_or_else(no_bucket)?;
        if !store::list(tx, &place.bucket)?.is_empty() {
            return Err(Error::conflict(
                "conflict",
                "The bucket you tried to delete is not empty.",
            ));
        }
        Ok(store::remove_bucket(tx, &place.bucket)?)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
