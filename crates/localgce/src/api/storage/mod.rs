//! Cloud Storage's JSON API, version 1. Contents go from the socket to a file and back; they are
//! never held in memory.

mod buckets;
mod content;
mod objects;
mod uploads;

use std::sync::Arc;

use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Error;
use super::list::Page;
use crate::engine::Engine;

/// What handlers answer.
type Answer = Result<Json<Value>, Error>;

/// All of it, at its own three prefixes.
pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .route("/storage/v1/b", get(buckets::list).post(buckets::insert))
        .route(
            "/storage/v1/b/{bucket}",
            get(buckets::get).merge(delete(buckets::delete)),
        )
        .route("/storage/v1/b/{bucket}/o", get(objects::list))
        .route(
            "/storage/v1/b/{bucket}/o/{*object}",
            get(objects::get).delete(objects::delete),
        )
        .route(
            "/download/storage/v1/b/{bucket}/o/{*object}",
            get(objects::download),
        )
        .route(
            "/upload/storage/v1/b/{bucket}/o",
            post(uploads::begin).put(uploads::resume),
        )
}

/// The variable parts of a URL.
#[derive(Deserialize)]
struct Place {
    bucket: String,
    #[serde(default)]
    object: String,
}

impl Place {
    fn no_object(&self) -> Error {
        Error::missing(format!("No such object: {}/{}", self.bucket, self.object))
    }
}

fn no_bucket() -> Error {
    Error::missing("The specified bucket does not exist.")
}

fn listing(kind: &str, page: Page) -> Json<Value> {
    let mut list = json!({"kind": kind});
    if !page.items.is_empty() {
        list["items"] = page.items.into();
    }
    if let Some(next) = page.next {
        list["nextPageToken"] = next.into();
    }
    Json(list)
}
