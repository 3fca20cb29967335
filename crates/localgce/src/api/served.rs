//! The table of methods against Google's discovery documents.

use std::collections::BTreeSet;

use contract::method_id;

use super::method::Method;
use super::tables;

/// How many methods Google's documents have in all, of google-api-python-client 2.202.0. Both versions of
/// Resource Manager are told apart by their paths.
const GOOGLES: [(&str, &str, usize); 9] = [
    ("cloudbilling", "v1/", 28),
    ("cloudresourcemanager", "v1/", 38),
    ("cloudresourcemanager", "v3/", 92),
    ("compute", "compute/v1/", 1025),
    ("iam", "v1/", 137),
    ("iamcredentials", "v1/", 7),
    ("secretmanager", "v1/", 36),
    ("serviceusage", "v1/", 10),
    ("storage", "", 87),
];

/// Served, and not in the documents: the methods that they are trimmed of, and the requests of a
/// resumable upload, of which Google's documents have only the first.
const BEYOND: [&str; 11] = [
    "compute.instanceGroups.insert POST compute/v1/projects/{project}/zones/{zone}/instanceGroups",
    "compute.instanceGroups.delete DELETE compute/v1/projects/{project}/zones/{zone}/instanceGroups/{instanceGroup}",
    "compute.instanceGroups.addInstances POST compute/v1/projects/{project}/zones/{zone}/instanceGroups/{instanceGroup}/addInstances",
    "compute.instanceGroups.removeInstances POST compute/v1/projects/{project}/zones/{zone}/instanceGroups/{instanceGroup}/removeInstances",
    "compute.regionOperations.delete DELETE compute/v1/projects/{project}/regions/{region}/operations/{operation}",
    "cloudresourcemanager.projects.update PUT v1/projects/{projectsId}",
    "cloudresourcemanager.projects.getAncestry POST v1/projects/{projectsId}:getAncestry",
    "storage.objects.insert PUT upload/storage/v1/b/{bucket}/o",
    "storage.objects.insert DELETE upload/storage/v1/b/{bucket}/o",
    "storage.objects.insert PUT resumable/upload/storage/v1/b/{bucket}/o",
    "storage.objects.insert DELETE resumable/upload/storage/v1/b/{bucket}/o",
];

fn methods() -> Vec<Method> {
    tables().flat_map(|table| table.methods).collect()
}

/// The method that Google's documents have at an address.
fn googles(method: &Method) -> Option<&'static str> {
    let mut path = String::new();
    for (index, part) in method.path.split('{').enumerate() {
        match part.split_once('}') {
            Some((_, rest)) if index > 0 => path = format!("{path}x{rest}"),
            _ => path += part,
        }
    }
    method_id(method.verb, &format!("/{path}"))
}

#[test]
fn every_method_is_googles_by_id_verb_and_path() {
    let other = methods()
        .into_iter()
        .filter(|method| googles(method) != Some(method.id));
    let other: BTreeSet<_> = other
        .map(|method| format!("{} {} {}", method.id, method.verb, method.path))
        .collect();
    assert_eq!(other, BEYOND.map(str::to_owned).into());
}

#[test]
fn what_is_served_of_googles_apis() {
    let methods = methods();
    let mut counted = 0;
    for (api, prefix, all) in GOOGLES {
        let served = methods.iter().filter(|method| {
            method.id.split('.').next() == Some(api) && method.path.starts_with(prefix)
        });
        let lines = served.clone().count();
        let ids: BTreeSet<_> = served.map(|method| method.id).collect();
        println!("{api} {prefix}: {} of {all}", ids.len());
        assert!(!ids.is_empty() && ids.len() <= all, "{api}");
        counted += lines;
    }
    assert_eq!(counted, methods.len(), "a method is of no API");
}

/// Google names a permission after the collection and the method: `compute.disks.create` for
/// `compute.disks.insert`.
fn named_after(id: &str) -> String {
    let parts: Vec<_> = id.split('.').collect();
    let (api, collection) = (parts[0], parts[parts.len() - 2]);
    let verb = match parts[parts.len() - 1] {
        "insert" => "create",
        "aggregatedList" => "list",
        "patch" => "update",
        verb => verb,
    };
    format!("{api}.{collection}.{verb}")
}

#[test]
fn a_methods_permission_has_its_name() {
    let other = methods()
        .into_iter()
        .filter(|method| method.permission != named_after(method.id));
    let other: BTreeSet<_> = other
        .map(|method| format!("{}: {}", method.id, method.permission))
        .collect();
    insta::assert_snapshot!(other.into_iter().collect::<Vec<_>>().join("\n"));
}
