//! What a caller must be allowed for each method, by IAM's names: those of the method itself, and those
//! that its body and query ask for. From the reference of the methods.

use axum::http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::api::compute::needs::Needs;
use crate::api::method::Need;

/// What a query refers to.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct References {
    source_image: Option<String>,
    source_instance_template: Option<String>,
}

/// What a request needs; nothing at all is no method of Compute Engine's. `path` begins with
/// `projects/P`.
pub fn needed(method: &Method, path: &str, query: &References, body: &Value) -> Vec<Need> {
    let parts: Vec<_> = path.split('/').collect();
    let ["projects", project, below @ ..] = parts.as_slice() else {
        return Vec::new();
    };
    let mut needs = Needs::new(project);
    let (place, rest) = match below {
        [] => return needs.only("compute.projects.get", path),
        ["aggregated", collection] => ("global", std::slice::from_ref(collection)),
        [places @ ("zones" | "regions")] => {
            let project = format!("projects/{project}");
            return needs.only(&format!("compute.{places}.list"), &project);
        }
        [places @ ("zones" | "regions"), _] => {
            return needs.only(&format!("compute.{places}.get"), path);
        }
        ["global", rest @ ..] => ("global", rest),
        [places @ ("zones" | "regions"), _, rest @ ..] => (*places, rest),
        [action, ..] => {
            let project = format!("projects/{project}");
            return needs.only(&format!("compute.projects.{action}"), &project);
        }
    };
    let [collection, rest @ ..] = rest else {
        return Vec::new();
    };
    let verb = verb(method, collection, rest);
    let collection = match (*collection, place) {
        ("operations", "zones") => "zoneOperations",
        ("operations", "regions") => "regionOperations",
        ("operations", _) => "globalOperations",
        ("imageFamilyViews", _) => "images",
        (collection, _) => collection,
    };
    let own = match (rest, body["name"].as_str()) {
        ([], _) if verb == "list" => format!("projects/{project}"),
        // A new resource's own name is in the body.
        ([], Some(name)) => format!("{path}/{name}"),
        ([name, action], _) if *name != "family" => path
            .strip_suffix(&format!("/{action}"))
            .unwrap_or(path)
            .to_owned(),
        _ => path.to_owned(),
    };
    needs.need(&format!("compute.{collection}.{verb}"), own.clone());
    needs.body(collection, verb, &own, body);
    if let Some(template) = &query.source_instance_template {
        needs.refer("compute.instanceTemplates.useReadOnly", template);
    }
    if let Some(image) = &query.source_image {
        needs.refer("compute.images.useReadOnly", image);
    }
    needs.all
}

/// The last word of a method's own permission.
fn verb<'a>(method: &Method, collection: &str, rest: &[&'a str]) -> &'a str {
    match (collection, rest, method.as_str()) {
        ("images", ["family", _], _) | ("imageFamilyViews", ..) => "getFromFamily",
        ("operations", [_, "wait"], _) => "get",
        (_, [_, "serialPort"], _) => "getSerialPortOutput",
        ("instanceGroups", [_, "listInstances"], _)
        | ("instanceGroupManagers", [_, "listManagedInstances" | "listErrors"], _) => "list",
        ("instanceGroups" | "instanceGroupManagers", [_, _], _) => "update",
        (_, [_, action], _) => action,
        (_, [], "POST") => "create",
        (_, [], _) => "list",
        (_, _, "GET") => "get",
        (_, _, "DELETE") => "delete",
        _ => "update",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(method: &Method, path: &str, body: &Value) -> Vec<String> {
        let path = format!("projects/my-project/{path}");
        needed(
            method,
            path.trim_end_matches('/'),
            &References::default(),
            body,
        )
        .into_iter()
        .map(|need| {
            let resource = need.resource.replace("projects/my-project/", "");
            format!("{} {resource}", need.permission)
        })
        .collect()
    }

    #[test]
    fn a_methods_own_permission() {
        for (method, path, expected) in [
            (Method::GET, "zones/z-a", "compute.zones.get zones/z-a"),
            (
                Method::GET,
                "aggregated/disks",
                "compute.disks.list projects/my-project",
            ),
            (
                Method::GET,
                "zones/z-a/disks",
                "compute.disks.list projects/my-project",
            ),
            (
                Method::DELETE,
                "zones/z-a/disks/d",
                "compute.disks.delete zones/z-a/disks/d",
            ),
            (
                Method::PATCH,
                "global/images/i",
                "compute.images.update global/images/i",
            ),
            (
                Method::GET,
                "global/images/family/f",
                "compute.images.getFromFamily global/images/family/f",
            ),
            (
                Method::GET,
                "zones/z-a/imageFamilyViews/f",
                "compute.images.getFromFamily zones/z-a/imageFamilyViews/f",
            ),
            (
                Method::POST,
                "global/images/i/deprecate",
                "compute.images.deprecate global/images/i",
            ),
            (
                Method::POST,
                "zones/z-a/operations/o/wait",
                "compute.zoneOperations.get zones/z-a/operations/o",
            ),
            (
                Method::GET,
                "global/operations",
                "compute.globalOperations.list projects/my-project",
            ),
        ] {
            assert_eq!(lines(&method, path, &Value::Null), [expected]);
        }
    }

    #[test]
    fn what_is_referred_to_counts_however_it_is_written() {
        let body = json!({"name": "i", "sourceImage": "projects/p/compute/v1/global/images/j",
            "rawDisk": {"source": "https://storage.googleapis.com/b/a/o.tar.gz"}});
        assert_eq!(
            lines(&Method::POST, "global/images", &body),
            [
                "compute.images.create global/images/i",
                "compute.images.useReadOnly global/images/j",
                "storage.objects.get projects/_/buckets/b/objects/a/o.tar.gz",
            ]
        );
    }

    #[test]
    fn a_rule_of_the_firewall_is_its_networks_business() {
        let body = json!({"name": "f", "network": "global/networks/default"});
        assert_eq!(
            lines(&Method::POST, "global/firewalls", &body),
            [
                "compute.firewalls.create global/firewalls/f",
                "compute.networks.updatePolicy global/networks/default",
            ]
        );
    }
}
