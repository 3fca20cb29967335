//! Objects made of other objects: copies and compositions.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::handler::later;
use super::super::method::{self, Method, Need};
use super::fields::{merge, settable};
use super::iam::name;
use super::objects::{OWN, SETTABLE};
use crate::engine::storage::objects::{KEPT, find};
use crate::engine::storage::{self, New, Preconditions};
use crate::error::Error;

/// How many objects may be composed at once.
const SOURCES: usize = 32;

pub fn methods() -> Vec<Method> {
    vec![
        method::post(
            "storage.objects.compose",
            "storage/v1/b/{destinationBucket}/o/{destinationObject}/compose",
        )
        .needs("storage.objects.get", later(compose))
        .refers(destination),
        method::post(
            "storage.objects.rewrite",
            "storage/v1/b/{sourceBucket}/o/{sourceObject}/rewriteTo/b/{destinationBucket}/o/{destinationObject}",
        )
        .needs("storage.objects.get", later(rewrite))
        .refers(destination),
        method::post(
            "storage.objects.copy",
            "storage/v1/b/{sourceBucket}/o/{sourceObject}/copyTo/b/{destinationBucket}/o/{destinationObject}",
        )
        .needs("storage.objects.get", later(copy))
        .refers(destination),
    ]
}

/// The bucket in which the new object is created.
fn destination(_: &Connection, call: &Call, _: &str, _: &Value) -> Vec<Need> {
    vec![Need {
        permission: "storage.objects.create".into(),
        resource: name(call.variable("destinationBucket")),
    }]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceQuery {
    source_generation: Option<u64>,
    if_source_generation_match: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ComposeRequest {
    #[serde(default)]
    destination: Value,
    source_objects: Vec<SourceObject>,
    #[serde(default)]
    delete_source_objects: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SourceObject {
    name: String,
    generation: Option<super::super::body::Int64>,
    object_preconditions: Option<ObjectPreconditions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ObjectPreconditions {
    if_generation_match: Option<super::super::body::Int64>,
}

/// A copy whose progress the client can follow. Here it is complete at once.
async fn rewrite(call: Call, metadata: Value) -> Result<Value, Error> {
    let body = copy(call, metadata).await?;
    Ok(json!({
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": body["size"],
        "objectSize": body["size"],
        "done": true,
        "resource": body,
    }))
}

/// A copy.
async fn copy(call: Call, metadata: Value) -> Result<Value, Error> {
    let query: SourceQuery = call.query()?;
    let conditions: Preconditions = call.query()?;
    let [bucket, object] = ["sourceBucket", "sourceObject"].map(|name| call.variable(name));
    let source = call
        .engine
        .store
        .transaction(|tx| find(tx, bucket, object, query.source_generation))?;
    Preconditions::generation(query.if_source_generation_match).check(Some(&source.body))?;
    let mut described = json!({});
    for field in KEPT.iter().chain(&["contentType"]) {
        if !source.body[field].is_null() {
            described[field] = source.body[field].clone();
        }
    }
    merge(&mut described, settable(metadata, &SETTABLE, &OWN)?);
    let new = New {
        bucket: call.variable("destinationBucket").to_owned(),
        name: call.variable("destinationObject").to_owned(),
        metadata: described,
        conditions,
    };
    storage::copy(&call.engine, &source, new).await
}

/// Concatenates objects.
async fn compose(call: Call, request: ComposeRequest) -> Result<Value, Error> {
    let conditions: Preconditions = call.query()?;
    let bucket = call.variable("destinationBucket");
    if request.source_objects.is_empty() || request.source_objects.len() > SOURCES {
        return Err(Error::invalid(format!(
            "The number of source components provided ({}) is not between 1 and {SOURCES}.",
            request.source_objects.len()
        )));
    }
    let mut sources = Vec::new();
    for source in &request.source_objects {
        let generation = source.generation.map(|number| number.0);
        let object = call
            .engine
            .store
            .transaction(|tx| find(tx, bucket, &source.name, generation))?;
        let wanted = source
            .object_preconditions
            .as_ref()
            .and_then(|conditions| conditions.if_generation_match);
        Preconditions::generation(wanted.map(|number| number.0)).check(Some(&object.body))?;
        sources.push(object);
    }
    let destination = match request.destination {
        Value::Null => json!({}),
        destination => destination,
    };
    let mut metadata = settable(destination, &SETTABLE, &OWN)?;
    // gcloud describes the destination like its first source, sums included.
    for sum in ["crc32c", "md5Hash"] {
        metadata.shift_remove(sum);
    }
    let new = New {
        metadata: Value::Object(metadata),
        bucket: bucket.to_owned(),
        name: call.variable("destinationObject").to_owned(),
        conditions,
    };
    let spent = request.source_objects.iter();
    let spent = spent.filter(|_| request.delete_source_objects);
    let spent: Vec<_> = spent.map(|source| source.name.as_str()).collect();
    storage::compose(&call.engine, &sources, new, &spent).await
}
