//! Cloud Storage's JSON API, version 1. Contents go from the socket to a file and back; they are
//! never held in memory.

mod access;
mod buckets;
mod download;
mod fields;
mod iam;
mod listing;
pub(super) mod multipart;
mod objects;
mod rewrite;
mod uploads;

use axum::response::IntoResponse;

use super::table::{Api, Table};
use crate::catalog::services::STORAGE;

pub use iam::policies_of;

static API: Api = Api {
    service: Some(STORAGE),
    project: access::project,
    resource: access::resource,
    permit: access::permit,
    refuse: IntoResponse::into_response,
};

/// Its methods.
pub fn tables() -> [Table; 6] {
    [
        buckets::methods(),
        iam::methods(),
        objects::methods(),
        download::methods(),
        uploads::methods(),
        rewrite::methods(),
    ]
    .map(|methods| Table { api: &API, methods })
}

#[cfg(test)]
mod tests {
    use super::tables;

    #[test]
    fn a_methods_permission() {
        let methods: Vec<_> = tables()
            .into_iter()
            .flat_map(|table| table.methods)
            .collect();
        for (verb, path, permission, also_makes_an_object) in [
            ("GET", "storage/v1/b", "storage.buckets.list", false),
            ("POST", "storage/v1/b", "storage.buckets.create", false),
            ("GET", "storage/v1/b/{bucket}", "storage.buckets.get", false),
            (
                "PATCH",
                "storage/v1/b/{bucket}",
                "storage.buckets.update",
                false,
            ),
            (
                "PUT",
                "storage/v1/b/{bucket}/iam",
                "storage.buckets.setIamPolicy",
                false,
            ),
            (
                "GET",
                "storage/v1/b/{bucket}/iam/testPermissions",
                "",
                false,
            ),
            (
                "GET",
                "storage/v1/b/{bucket}/o",
                "storage.objects.list",
                false,
            ),
            (
                "GET",
                "storage/v1/b/{bucket}/o/{object}",
                "storage.objects.get",
                false,
            ),
            (
                "GET",
                "download/storage/v1/b/{bucket}/o/{object}",
                "storage.objects.get",
                false,
            ),
            (
                "DELETE",
                "storage/v1/b/{bucket}/o/{object}",
                "storage.objects.delete",
                false,
            ),
            (
                "POST",
                "storage/v1/b/{destinationBucket}/o/{destinationObject}/compose",
                "storage.objects.get",
                true,
            ),
            (
                "POST",
                "storage/v1/b/{sourceBucket}/o/{sourceObject}/rewriteTo/b/{destinationBucket}/o/{destinationObject}",
                "storage.objects.get",
                true,
            ),
            (
                "POST",
                "upload/storage/v1/b/{bucket}/o",
                "storage.objects.create",
                false,
            ),
            ("PUT", "upload/storage/v1/b/{bucket}/o", "", false),
        ] {
            let method = methods
                .iter()
                .find(|method| (method.verb, method.path) == (verb, path))
                .unwrap_or_else(|| panic!("{verb} {path} is not served"));
            assert_eq!(
                (method.permission, method.refers.is_some()),
                (permission, also_makes_an_object),
                "{verb} {path}"
            );
        }
    }
}
