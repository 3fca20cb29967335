//! Objects.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use super::super::call::Call;
use super::super::handler::{json, now, plain, raw};
use super::super::method::{self, Method};
use super::download;
use super::fields::{Field, Kind, merge, settable};
use super::listing::{self, ObjectListQuery};
use crate::clock;
use crate::engine::storage::objects::{KEPT, find, text};
use crate::engine::storage::{Preconditions, buckets};
use crate::error::Error;
use crate::store::objects as store;

/// What a client may say of an object.
pub const SETTABLE: [Field; 10] = [
    ("contentType", Kind::Text),
    ("contentEncoding", Kind::Text),
    ("contentDisposition", Kind::Text),
    ("contentLanguage", Kind::Text),
    ("cacheControl", Kind::Text),
    ("customTime", Kind::Text),
    ("metadata", Kind::Map),
    ("storageClass", Kind::Text),
    ("crc32c", Kind::Text),
    ("md5Hash", Kind::Text),
];

/// What is the server's to say, or has no effect in this engine: its buckets have no ACLs.
pub const OWN: [&str; 20] = [
    "acl",
    "bucket",
    "componentCount",
    "etag",
    "eventBasedHold",
    "generation",
    "id",
    "kind",
    "mediaLink",
    "metageneration",
    "name",
    "owner",
    "selfLink",
    "size",
    "softDeleteTime",
    "temporaryHold",
    "timeCreated",
    "timeFinalized",
    "timeStorageClassUpdated",
    "updated",
];

pub fn methods() -> Vec<Method> {
    vec![
        method::get("storage.objects.list", "storage/v1/b/{bucket}/o")
            .needs("storage.objects.list", plain(list)),
        method::get("storage.objects.get", "storage/v1/b/{bucket}/o/{object}")
            .needs("storage.objects.get", raw(get)),
        method::patch("storage.objects.patch", "storage/v1/b/{bucket}/o/{object}").needs(
            "storage.objects.update",
            json(|call, tx, request| change(call, tx, request, false)),
        ),
        method::put("storage.objects.update", "storage/v1/b/{bucket}/o/{object}").needs(
            "storage.objects.update",
            json(|call, tx, request| change(call, tx, request, true)),
        ),
        method::delete("storage.objects.delete", "storage/v1/b/{bucket}/o/{object}")
            .needs("storage.objects.delete", now(delete)),
    ]
}

fn list(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query: ObjectListQuery = call.query()?;
    let bucket = call.variable("bucket");
    buckets::find(tx, bucket)?;
    listing::answer(store::list(tx, bucket)?, &query)
}

#[derive(Deserialize)]
struct GetQuery {
    alt: Option<String>,
    generation: Option<u64>,
}

/// The metadata, or with `alt=media` the content.
async fn get(call: Call, _: Request) -> Result<Response, Error> {
    let query: GetQuery = call.query()?;
    if query.alt.as_deref() == Some("media") {
        return download::content(call).await;
    }
    let conditions: Preconditions = call.query()?;
    let object = call
        .engine
        .store
        .transaction(|tx| called(&call, tx, query.generation))?;
    conditions.check(Some(&object.body))?;
    Ok(Json(object.body).into_response())
}

/// Changes what is said of an object; its content stays, and so does its generation. A `whole` request
/// says all there is to say.
fn change(call: &Call, tx: &Connection, request: Value, whole: bool) -> Result<Value, Error> {
    let query: GetQuery = call.query()?;
    let conditions: Preconditions = call.query()?;
    let mut changes = settable(request, &SETTABLE, &OWN)?;
    // Of the content and where it lies, not of the metadata.
    changes.retain(|field, _| !["crc32c", "md5Hash", "storageClass"].contains(&field.as_str()));
    let mut object = called(call, tx, query.generation)?;
    conditions.check(Some(&object.body))?;
    if let Some(fields) = object.body.as_object_mut().filter(|_| whole) {
        fields.retain(|field, _| !KEPT.contains(&field.as_str()));
    }
    merge(&mut object.body, changes);
    let metageneration = text(&object.body, "metageneration").and_then(|n| n.parse().ok());
    let metageneration = metageneration.unwrap_or(0_u64) + 1;
    object.body["metageneration"] = metageneration.to_string().into();
    object.body["etag"] = format!("{:x}/{metageneration}", object.generation).into();
    object.body["updated"] = clock::now().into();
    store::put(tx, call.variable("bucket"), call.name(), &object)?;
    Ok(object.body)
}

fn delete(call: &Call) -> Result<Value, Error> {
    let query: GetQuery = call.query()?;
    let conditions: Preconditions = call.query()?;
    call.engine.store.transaction(|tx| {
        let object = called(call, tx, query.generation)?;
        conditions.check(Some(&object.body))?;
        Ok::<_, Error>(store::remove(tx, call.variable("bucket"), call.name())?)
    })?;
    call.engine.sweep();
    Ok(Value::Null)
}

/// The object that a call is about.
fn called(call: &Call, tx: &Connection, generation: Option<u64>) -> Result<store::Object, Error> {
    find(tx, call.variable("bucket"), call.name(), generation)
}
