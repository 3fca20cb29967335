//! Refuses callers who have not what a call needs.

use rusqlite::Connection;
use serde_json::Value;

use super::needs::{ACT_AS, is_shaped};
use crate::api::call::Call;
use crate::api::grants::permits;
use crate::api::method::Need;
use crate::api::policy::of_project;
use crate::api::storage;
use crate::catalog;
use crate::engine::Caller;
use crate::error::Error;
use crate::store::{accounts, policies};

/// What everybody may do with public images.
const PUBLIC: [&str; 4] = [
    "compute.images.get",
    "compute.images.getFromFamily",
    "compute.images.list",
    "compute.images.useReadOnly",
];

/// The resource that a method is about: a new one's name is in the body, and a list is about its project.
pub fn resource(_: &Connection, call: &Call) -> Result<String, Error> {
    let path = call.uri.path();
    let path = path.strip_prefix("/compute/v1/").unwrap_or_default();
    let body = call.unchecked_body();
    // No name has a character that is escaped, and a condition would not see through it.
    if path.contains('%') || !(body.is_null() || is_shaped(&body)) {
        return Err(Error::malformed("Invalid request."));
    }
    if call.path.ends_with('}') {
        return Ok(path.to_owned());
    }
    let (above, _) = path.rsplit_once('/').unwrap_or((path, ""));
    Ok(match (call.resource(), body["name"].as_str()) {
        (Some(_), _) => above.to_owned(),
        (None, Some(name)) => format!("{path}/{name}"),
        (None, None) => format!("projects/{}", call.project()),
    })
}

/// Google's refusal, if the caller has not the permission.
pub fn check(tx: &Connection, caller: &Caller, need: &Need) -> Result<(), Error> {
    let Need {
        permission,
        resource,
    } = need;
    let project = resource.split('/').nth(1).unwrap_or_default();
    let public = catalog::project(project).is_some_and(|project| project.is_public());
    if public && PUBLIC.contains(&permission.as_str()) {
        return Ok(());
    }
    let [own, above] = policies_of(tx, need)?;
    if permits(tx, caller, permission, resource, &[&own, &above])? {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "Required '{permission}' permission for '{resource}'"
    )))
}

/// The policies of a resource, which none but accounts and buckets have here, and of its project.
fn policies_of(
    tx: &Connection,
    Need {
        permission,
        resource,
    }: &Need,
) -> Result<[Value; 2], Error> {
    let parts: Vec<_> = resource.split('/').collect();
    match *parts.as_slice() {
        ["projects", "_", "buckets", bucket, ..] => storage::policies_of(tx, bucket),
        ["projects", project, .., email] if permission == ACT_AS => {
            let project = catalog::project(project);
            let default = project.map(|project| project.default_service_account());
            let email = match (email, default) {
                ("default", Some(default)) => default,
                (email, _) => email.to_owned(),
            };
            let account = accounts::get(tx, &email)?.unwrap_or_default();
            let text = |field: &str| account[field].as_str().unwrap_or_default();
            let own = policies::get(tx, text("name"))?;
            Ok([own, of_project(tx, text("projectId"))?])
        }
        ["projects", project, ..] => {
            let project = catalog::project(project).map_or(project, |project| project.id);
            Ok([Value::Null, of_project(tx, project)?])
        }
        _ => Ok([Value::Null, Value::Null]),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Bytes;
    use axum::http::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::api;
    use crate::api::compute::tables;
    use crate::api::method::Method;
    use crate::engine::Engine;
    use crate::vm::suspect;

    const PROJECT: &str = "projects/my-project";

    /// The variables of `path`, if it is one of the method's.
    fn variables(method: &Method, path: &str) -> Option<Vec<(&'static str, String)>> {
        let (own, parts): (Vec<_>, Vec<_>) =
            (method.path.split('/').collect(), path.split('/').collect());
        let fits = |(own, part): (&&str, &&str)| own.starts_with('{') || own == part;
        let found = own.len() == parts.len() && own.iter().zip(&parts).all(fits);
        let values = own
            .iter()
            .zip(parts)
            .filter(|(own, _)| own.starts_with('{'));
        found.then(|| {
            let values = values.map(|(_, value)| value.to_owned());
            method.variables().zip(values).collect()
        })
    }

    /// What a call needs, line by line, as the table has it.
    fn lines(verb: &str, path: &str, body: &Value) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = Engine::open(
            dir.path(),
            &dir.path().join("cache"),
            "owner".into(),
            suspect::suspicious(dir.path()),
            None,
            api::router,
        );
        let path = format!("compute/v1/{PROJECT}/{path}");
        let methods = tables().flat_map(|table| table.methods);
        let (method, variables) = methods
            .filter(|method| method.verb == verb)
            .find_map(|method| variables(&method, &path).map(|found| (method, found)))
            .expect("a method");
        let call = Call {
            engine: Arc::new(engine.expect("an engine")),
            caller: Caller::Owner,
            permission: method.permission,
            path: method.path,
            uri: format!("/{path}").parse().expect("an address"),
            headers: HeaderMap::new(),
            variables,
            bytes: Bytes::from(body.to_string()),
        };
        let store = &call.engine.store;
        let own = store.transaction(|tx| resource(tx, &call)).expect("shaped");
        let mut needs = vec![format!("{} {own}", method.permission)];
        if let Some(refers) = method.refers {
            let others = store.transaction(|tx| Ok::<_, Error>(refers(tx, &call, &own, body)));
            let others = others.expect("no database in the way").into_iter();
            needs.extend(others.map(|need| format!("{} {}", need.permission, need.resource)));
        }
        let short = |need: String| need.replace(&format!("{PROJECT}/"), "");
        needs.into_iter().map(short).collect()
    }

    #[test]
    fn a_methods_own_permission() {
        for (method, path, expected) in [
            ("GET", "zones/z-a", "compute.zones.get zones/z-a"),
            (
                "GET",
                "aggregated/disks",
                "compute.disks.list projects/my-project",
            ),
            (
                "GET",
                "zones/z-a/disks",
                "compute.disks.list projects/my-project",
            ),
            (
                "DELETE",
                "zones/z-a/disks/d",
                "compute.disks.delete zones/z-a/disks/d",
            ),
            (
                "PATCH",
                "global/images/i",
                "compute.images.update global/images/i",
            ),
            (
                "GET",
                "global/images/family/f",
                "compute.images.getFromFamily global/images/family/f",
            ),
            (
                "GET",
                "zones/z-a/imageFamilyViews/f",
                "compute.images.getFromFamily zones/z-a/imageFamilyViews/f",
            ),
            (
                "POST",
                "global/images/i/deprecate",
                "compute.images.deprecate global/images/i",
            ),
            (
                "POST",
                "zones/z-a/operations/o/wait",
                "compute.zoneOperations.get zones/z-a/operations/o",
            ),
            (
                "GET",
                "zones/z-a/instances/i/serialPort",
                "compute.instances.getSerialPortOutput zones/z-a/instances/i",
            ),
            (
                "POST",
                "zones/z-a/instanceGroupManagers/g/resize",
                "compute.instanceGroupManagers.update zones/z-a/instanceGroupManagers/g",
            ),
            (
                "GET",
                "global/operations",
                "compute.globalOperations.list projects/my-project",
            ),
        ] {
            assert_eq!(lines(method, path, &Value::Null), [expected]);
        }
    }

    #[test]
    fn a_new_vm_needs_what_it_is_made_of() {
        let body = json!({
            "name": "vm",
            "labels": {"a": "b"},
            "metadata": {"items": [{"key": "k", "value": "v"}]},
            "tags": {"items": []},
            "disks": [
                {"boot": true, "initializeParams": {
                    "sourceImage": "https://www.googleapis.com/compute/v1/projects/p/global/images/i"}},
                {"source": "zones/z-a/disks/state"},
                {"source": "zones/z-a/disks/shared", "mode": "READ_ONLY"},
            ],
            "networkInterfaces": [{"network": "global/networks/default", "accessConfigs": [{}]}],
            "serviceAccounts": [{"email": "vm@my-project.iam.gserviceaccount.com"}],
        });
        assert_eq!(
            lines("POST", "zones/z-a/instances", &body),
            [
                "compute.instances.create zones/z-a/instances/vm",
                "compute.disks.create zones/z-a/disks/vm",
                "compute.images.useReadOnly projects/p/global/images/i",
                "compute.disks.use zones/z-a/disks/state",
                "compute.disks.useReadOnly zones/z-a/disks/shared",
                "compute.subnetworks.use regions/z/subnetworks/default",
                "compute.subnetworks.useExternalIp regions/z/subnetworks/default",
                "compute.instances.setLabels zones/z-a/instances/vm",
                "compute.instances.setMetadata zones/z-a/instances/vm",
                "compute.instances.setServiceAccount zones/z-a/instances/vm",
                "iam.serviceAccounts.actAs serviceAccounts/vm@my-project.iam.gserviceaccount.com",
            ]
        );
    }

    #[test]
    fn what_is_referred_to_counts_however_it_is_written() {
        let image = "https://compute.googleapis.com/compute/v1/projects/p/global/images/i";
        let disk = json!({"initializeParams": {"sourceImage": image, "labels": {"a": "b"}}});
        assert_eq!(
            lines("POST", "zones/z-a/instances/vm/attachDisk", &disk),
            [
                "compute.instances.attachDisk zones/z-a/instances/vm",
                "compute.disks.create zones/z-a/disks/vm-1",
                "compute.images.useReadOnly projects/p/global/images/i",
                "compute.disks.setLabels zones/z-a/disks/vm-1",
            ]
        );
        let template = json!({"properties": {"serviceAccounts": [{"email": "a@b"}]}});
        assert_eq!(
            lines("POST", "global/instanceTemplates", &template)[1],
            "iam.serviceAccounts.actAs serviceAccounts/a@b"
        );
        let body = json!({"name": "i", "sourceImage": "projects/p/compute/v1/global/images/j",
            "rawDisk": {"source": "https://storage.googleapis.com/b/a/o.tar.gz"}});
        assert_eq!(
            lines("POST", "global/images", &body),
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
            lines("POST", "global/firewalls", &body),
            [
                "compute.firewalls.create global/firewalls/f",
                "compute.networks.updatePolicy global/networks/default",
            ]
        );
    }
}
