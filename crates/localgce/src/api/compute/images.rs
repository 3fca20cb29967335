//! Images and their families.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::handlers::{get, list, mutate, set_labels};
use super::needs::Needs;
use crate::api::call::{Call, Nothing};
use crate::api::handler::plain;
use crate::api::method::{self, Method, Need};
use crate::engine::Work;
use crate::engine::images::{self, DeprecationStatus, Image, Patch, bucket_and_object};
use crate::error::Error;
use crate::key::{Key, Kind, Scope};

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.images.list",
            "compute/v1/projects/{project}/global/images",
        )
        .needs("compute.images.list", list(Kind::Image)),
        method::post(
            "compute.images.insert",
            "compute/v1/projects/{project}/global/images",
        )
        .needs(
            "compute.images.create",
            mutate("insert", Kind::Image, insert),
        )
        .refers(refers),
        method::get(
            "compute.images.get",
            "compute/v1/projects/{project}/global/images/{image}",
        )
        .needs("compute.images.get", get(Kind::Image)),
        method::patch(
            "compute.images.patch",
            "compute/v1/projects/{project}/global/images/{image}",
        )
        .needs("compute.images.update", mutate("patch", Kind::Image, patch)),
        method::delete(
            "compute.images.delete",
            "compute/v1/projects/{project}/global/images/{image}",
        )
        .needs(
            "compute.images.delete",
            mutate("delete", Kind::Image, delete),
        ),
        method::post(
            "compute.images.deprecate",
            "compute/v1/projects/{project}/global/images/{image}/deprecate",
        )
        .needs(
            "compute.images.deprecate",
            mutate(
                "deprecate",
                Kind::Image,
                |_, tx, key, status: DeprecationStatus| images::deprecate(tx, key, &status),
            ),
        ),
        method::post(
            "compute.images.setLabels",
            "compute/v1/projects/{project}/global/images/{resource}/setLabels",
        )
        .needs("compute.images.setLabels", set_labels(Kind::Image)),
        method::get(
            "compute.images.getFromFamily",
            "compute/v1/projects/{project}/global/images/family/{family}",
        )
        .needs("compute.images.getFromFamily", plain(newest)),
        method::get(
            "compute.imageFamilyViews.get",
            "compute/v1/projects/{project}/zones/{zone}/imageFamilyViews/{family}",
        )
        .needs("compute.images.getFromFamily", plain(family_view)),
    ]
}

fn insert(call: &Call, tx: &Connection, key: &Key, image: Image) -> Result<Work, Error> {
    images::insert(&call.engine, tx, key, image)
}

fn refers(_: &Connection, call: &Call, own: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    needs.sources(body);
    let archive = body["rawDisk"]["source"].as_str();
    if let Some((bucket, name)) = archive.and_then(bucket_and_object) {
        let object = format!("projects/_/buckets/{bucket}/objects/{name}");
        needs.need("storage.objects.get", object);
    }
    needs.given("compute.images.setLabels", own, &body["labels"]);
    needs.all
}

fn patch(_: &Call, tx: &Connection, key: &Key, request: Patch) -> Result<Work, Error> {
    images::patch(tx, key, request)
}

fn delete(call: &Call, tx: &Connection, key: &Key, _: Nothing) -> Result<Work, Error> {
    images::delete(&call.engine, tx, key)
}

fn newest(call: &Call, tx: &Connection) -> Result<Value, Error> {
    images::newest(tx, &call.key(Kind::Image)?)
}

/// The newest image of a family, for those who ask from a zone.
fn family_view(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let family = Key {
        scope: Scope::Global,
        ..call.key(Kind::Image)?
    };
    Ok(json!({"image": images::newest(tx, &family)?}))
}
