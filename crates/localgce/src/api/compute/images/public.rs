//! The projects in which Google's partners publish images. gcloud asks all of them.

use axum::extract::{Path, Query, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::compute::collections::listing;
use crate::api::compute::place::Place;
use crate::api::list::ListQuery;
/// Those that gcloud knows, other than the engine's own; there are no images in them.
const EMPTY: [&str; 16] = [
    "centos-cloud",
    "cos-cloud",
    "fedora-coreos-cloud",
    "opensuse-cloud",
    "oracle-linux-cloud",
    "rhel-cloud",
    "rhel-sap-cloud",
    "rocky-linux-accelerator-cloud",
    "rocky-linux-cloud",
    "suse-cloud",
    "suse-sap-cloud",
    "ubuntu-os-accelerator-images",
    "ubuntu-os-cloud",
    "ubuntu-os-pro-cloud",
    "windows-cloud",
    "windows-sql-cloud",
];

/// Answers for such a project with no images at all.
pub async fn empty(
    Path(place): Path<Place>,
    Query(query): Query<ListQuery>,
    request: Request,
    next: Next,
) -> Response {
    let project = place.project.as_str();
    if request.method() != axum::http::Method::GET || !EMPTY.contains(&project) {
        return next.run(request).await;
    }
    let path = format!("projects/{project}/global/images");
    let page = query.page(Vec::new());
    page.map(|page| listing("compute#imageList", &path, page))
        .into_response()
}
