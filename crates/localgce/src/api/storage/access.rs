//! What a caller must be allowed for each method, and who is not.

use axum::http::Method;
use rusqlite::Connection;
use serde_json::Value;

use super::iam;
use crate::api::grants::permits;
use crate::engine::Caller;
use crate::error::Error;
use crate::store::objects as store;

/// A permission, and the variable of the path that names the bucket; the project's, if none.
pub type Need<'a> = (String, Option<&'a str>);

/// What a method needs, by its route. Nothing for what anybody may ask, and for the parts of an upload,
/// whose address is the grant.
pub fn needed<'a>(method: &Method, route: &'a str) -> Vec<Need<'a>> {
    let below = route.split_once("/v1/b").map(|(_, below)| below);
    let parts: Vec<_> = below.unwrap_or_default().split('/').skip(1).collect();
    let verb = match *method {
        Method::GET => "get",
        Method::DELETE => "delete",
        _ => "update",
    };
    let (kind, verb) = match (method.as_str(), parts.as_slice()) {
        (_, [_, "iam", _]) | ("PUT" | "DELETE", [_, "o"]) => return Vec::new(),
        ("POST", [from, "o", _, "rewriteTo" | "copyTo", "b", to, ..]) => {
            return vec![
                ("storage.objects.get".into(), Some(*from)),
                ("storage.objects.create".into(), Some(*to)),
            ];
        }
        ("POST", [bucket, "o", _, "compose"]) => {
            return ["storage.objects.get", "storage.objects.create"]
                .map(|permission| (permission.into(), Some(*bucket)))
                .into();
        }
        ("GET", []) => ("buckets", "list"),
        ("POST", []) => ("buckets", "create"),
        ("GET", [_, "iam"]) => ("buckets", "getIamPolicy"),
        (_, [_, "iam"]) => ("buckets", "setIamPolicy"),
        ("GET", [_, "managedFolders"]) => ("managedFolders", "list"),
        ("GET", [_, "o" | "storageLayout"]) => ("objects", "list"),
        ("POST", [_, "o", ..]) => ("objects", "create"),
        (_, [_, "o", ..]) => ("objects", verb),
        _ => ("buckets", verb),
    };
    let bucket = parts.first().copied();
    vec![(format!("storage.{kind}.{verb}"), bucket)]
}

/// Google's refusal, if the caller has not the permission. A bucket that is not there, the method
/// itself refuses: names of buckets are everybody's to know.
pub fn check(
    tx: &Connection,
    caller: &Caller,
    permission: &str,
    bucket: Option<&str>,
    project: Option<&str>,
) -> Result<(), Error> {
    let Caller::ServiceAccount(email) = caller else {
        return Ok(());
    };
    let [own, above] = match bucket {
        Some(bucket) if store::bucket(tx, bucket)?.is_none() => return Ok(()),
        Some(bucket) => iam::policies_of(tx, bucket)?,
        None => [
            Value::Null,
            iam::project_policy(tx, project.unwrap_or_default())?,
        ],
    };
    let resource = iam::name(bucket.unwrap_or_default());
    if permits(tx, caller, permission, &resource, &[&own, &above])? {
        return Ok(());
    }
    let what = match bucket {
        None => "Google Cloud project",
        Some(_) if permission.starts_with("storage.buckets.") => "Google Cloud Storage bucket",
        Some(_) => "Google Cloud Storage object",
    };
    Err(Error::forbidden(format!(
        "{email} does not have {permission} access to the {what}. Permission '{permission}' denied \
         on resource (or it may not exist)."
    )))
}

#[cfg(test)]
mod tests {
    use super::needed;
    use axum::http::Method;

    #[test]
    fn a_methods_permission() {
        for (method, path, expected) in [
            (Method::GET, "/storage/v1/b", "storage.buckets.list"),
            (Method::POST, "/storage/v1/b", "storage.buckets.create"),
            (Method::GET, "/storage/v1/b/{x}", "storage.buckets.get {x}"),
            (
                Method::PATCH,
                "/storage/v1/b/{x}",
                "storage.buckets.update {x}",
            ),
            (
                Method::PUT,
                "/storage/v1/b/{x}/iam",
                "storage.buckets.setIamPolicy {x}",
            ),
            (Method::GET, "/storage/v1/b/{x}/iam/testPermissions", ""),
            (
                Method::GET,
                "/storage/v1/b/{x}/o",
                "storage.objects.list {x}",
            ),
            (
                Method::GET,
                "/storage/v1/b/{x}/o/{a}",
                "storage.objects.get {x}",
            ),
            (
                Method::GET,
                "/download/storage/v1/b/{x}/o/{a}",
                "storage.objects.get {x}",
            ),
            (
                Method::DELETE,
                "/storage/v1/b/{x}/o/{a}",
                "storage.objects.delete {x}",
            ),
            (
                Method::POST,
                "/storage/v1/b/{x}/o/{a}/compose",
                "storage.objects.get {x}, storage.objects.create {x}",
            ),
            (
                Method::POST,
                "/storage/v1/b/{x}/o/{a}/rewriteTo/b/{y}/o/{b}",
                "storage.objects.get {x}, storage.objects.create {y}",
            ),
            (
                Method::POST,
                "/upload/storage/v1/b/{x}/o",
                "storage.objects.create {x}",
            ),
            (Method::PUT, "/upload/storage/v1/b/{x}/o", ""),
        ] {
            let needs = needed(&method, path).into_iter();
            let needs = needs.map(|(permission, bucket)| match bucket {
                Some(bucket) => format!("{permission} {bucket}"),
                None => permission,
            });
            let needs: Vec<_> = needs.collect();
            assert_eq!(needs.join(", "), expected, "{method} {path}");
        }
    }
}
