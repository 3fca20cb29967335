//! Cloud Storage's JSON API, version 1. Contents go from the socket to a file and back; they are
//! never held in memory.

mod access;
mod buckets;
mod download;
mod fields;
mod gate;
mod iam;
mod listing;
pub(super) mod multipart;
mod objects;
mod place;
mod rewrite;
mod uploads;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::engine::Engine;

pub use iam::policies_of;

/// All of it, at its own three prefixes.
pub fn router(engine: &Arc<Engine>) -> Router<Arc<Engine>> {
    let bucket = get(buckets::get)
        .patch(buckets::patch)
        .put(buckets::update)
        .delete(buckets::delete);
    let object = get(objects::get)
        .patch(objects::patch)
        .put(objects::update)
        .delete(objects::delete);
    let upload = post(uploads::begin)
        .put(uploads::resume)
        .delete(uploads::cancel);
    let routes = Router::new()
        .route("/storage/v1/b", get(buckets::list).post(buckets::insert))
        .route("/storage/v1/b/{bucket}", bucket)
        .route("/storage/v1/b/{bucket}/storageLayout", get(buckets::layout))
        .route(
            "/storage/v1/b/{bucket}/managedFolders",
            get(buckets::managed_folders),
        )
        .route("/storage/v1/b/{bucket}/iam", get(iam::get).put(iam::set))
        .route("/storage/v1/b/{bucket}/iam/testPermissions", get(iam::test))
        .route("/storage/v1/b/{bucket}/o", get(objects::list))
        .route("/storage/v1/b/{bucket}/o/{object}", object)
        .route(
            "/storage/v1/b/{bucket}/o/{object}/compose",
            post(rewrite::compose),
        )
        .route(
            "/storage/v1/b/{bucket}/o/{object}/rewriteTo/b/{to_bucket}/o/{to_object}",
            post(rewrite::rewrite),
        )
        .route(
            "/storage/v1/b/{bucket}/o/{object}/copyTo/b/{to_bucket}/o/{to_object}",
            post(rewrite::copy),
        )
        .route(
            "/download/storage/v1/b/{bucket}/o/{object}",
            get(download::download),
        )
        .route("/upload/storage/v1/b/{bucket}/o", upload.clone())
        // Where the discovery document has resumable uploads.
        .route("/resumable/upload/storage/v1/b/{bucket}/o", upload);
    gate::gated(routes, engine)
}
