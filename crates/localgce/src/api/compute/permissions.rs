//! What a caller must be allowed for each method, by IAM's names: those of the method itself and those
//! that its body asks for. From the reference of the methods, and what
//! <https://cloud.google.com/compute/docs/instances/create-start-instance> says is required.

use axum::http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::images::bucket_and_object;
use crate::key::relative;

/// A permission, and the resource that it is needed on.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    pub permission: String,
    /// `projects/P/zones/Z/instances/N`; an object of Cloud Storage is `projects/_/buckets/B/objects/O`.
    pub resource: String,
}

/// To have a VM run as a service account. The account's own policy counts.
pub const ACT_AS: &str = "iam.serviceAccounts.actAs";

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
    let mut request = Request {
        project,
        needs: Vec::new(),
    };
    let (place, rest) = match below {
        [] => return request.only("compute.projects.get", path),
        ["aggregated", collection] => ("global", std::slice::from_ref(collection)),
        [places @ ("zones" | "regions")] => {
            let project = format!("projects/{project}");
            return request.only(&format!("compute.{places}.list"), &project);
        }
        [places @ ("zones" | "regions"), _] => {
            return request.only(&format!("compute.{places}.get"), path);
        }
        ["global", rest @ ..] => ("global", rest),
        [places @ ("zones" | "regions"), _, rest @ ..] => (*places, rest),
        [action, ..] => {
            let project = format!("projects/{project}");
            return request.only(&format!("compute.projects.{action}"), &project);
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
    request.need(&format!("compute.{collection}.{verb}"), own.clone());
    request.body(collection, verb, &own, body);
    if let Some(template) = &query.source_instance_template {
        request.refer("compute.instanceTemplates.useReadOnly", template);
    }
    if let Some(image) = &query.source_image {
        request.refer("compute.images.useReadOnly", image);
    }
    request.needs
}

/// Whether the parts of a body that are looked at here are what they are called: serde would read a
/// list in an object's place, field by field.
pub fn is_shaped(body: &Value) -> bool {
    const OBJECTS: [&str; 5] = [
        "initializeParams",
        "metadata",
        "properties",
        "rawDisk",
        "tags",
    ];
    match body {
        Value::Object(fields) => fields.iter().all(|(name, field)| match field {
            Value::Array(_) if OBJECTS.contains(&name.as_str()) => false,
            Value::Array(items) => items.iter().all(is_shaped),
            field => is_shaped(field),
        }),
        Value::Array(_) => false,
        _ => true,
    }
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

struct Request<'a> {
    project: &'a str,
    needs: Vec<Need>,
}

impl Request<'_> {
    fn need(&mut self, permission: &str, resource: impl Into<String>) {
        self.needs.push(Need {
            permission: permission.into(),
            resource: resource.into(),
        });
    }

    fn only(mut self, permission: &str, resource: &str) -> Vec<Need> {
        self.need(permission, resource);
        self.needs
    }

    /// What a full or partial URL names.
    fn resource(&self, reference: &str) -> String {
        let path = relative(reference).trim_start_matches('/');
        if path.starts_with("projects/") {
            path.to_owned()
        } else {
            format!("projects/{}/{path}", self.project)
        }
    }

    fn refer(&mut self, permission: &str, reference: &str) {
        let resource = self.resource(reference);
        self.need(permission, resource);
    }

    /// A permission on what a field names, if it names something.
    fn field(&mut self, permission: &str, reference: &Value) {
        if let Some(reference) = reference.as_str().filter(|text| !text.is_empty()) {
            self.refer(permission, reference);
        }
    }

    /// A permission that a field needs which holds something.
    fn given(&mut self, permission: &str, resource: &str, value: &Value) {
        let holds = match value {
            Value::Object(map) => !map.is_empty(),
            Value::Array(list) => !list.is_empty(),
            _ => false,
        };
        if holds {
            self.need(permission, resource);
        }
    }

    fn body(&mut self, collection: &str, verb: &str, own: &str, body: &Value) {
        match (collection, verb) {
            ("instances", "create") => self.instance(own, body),
            ("instances", "attachDisk") => self.disk(own, 1, body),
            ("instanceTemplates", "create") => self.accounts(&body["properties"]),
            ("instances", "setServiceAccount") => self.act_as(&body["email"]),
            ("disks", "create") => {
                self.sources(body);
                self.given("compute.disks.setLabels", own, &body["labels"]);
                self.policies(body);
            }
            ("disks", "addResourcePolicies" | "removeResourcePolicies") => self.policies(body),
            ("disks", "createSnapshot") => {
                let name = body["name"].as_str().unwrap_or_default();
                let snapshot = format!("projects/{}/global/snapshots/{name}", self.project);
                self.need("compute.snapshots.create", snapshot.clone());
                self.given("compute.snapshots.setLabels", &snapshot, &body["labels"]);
            }
            ("images", "create") => {
                self.sources(body);
                let archive = body["rawDisk"]["source"].as_str();
                if let Some((bucket, name)) = archive.and_then(bucket_and_object) {
                    let object = format!("projects/_/buckets/{bucket}/objects/{name}");
                    self.need("storage.objects.get", object);
                }
                self.given("compute.images.setLabels", own, &body["labels"]);
            }
            ("snapshots", "create") => {
                self.field("compute.disks.createSnapshot", &body["sourceDisk"]);
                self.given("compute.snapshots.setLabels", own, &body["labels"]);
            }
            ("firewalls", "create" | "update" | "delete") => match &body["network"] {
                Value::String(network) => self.refer("compute.networks.updatePolicy", network),
                _ => self.need("compute.networks.updatePolicy", own),
            },
            ("instanceGroupManagers", "create") => {
                let template = &body["instanceTemplate"];
                self.field("compute.instanceTemplates.useReadOnly", template);
            }
            _ => {}
        }
    }

    /// What a disk or an image is made of.
    fn sources(&mut self, body: &Value) {
        self.field("compute.images.useReadOnly", &body["sourceImage"]);
        self.field("compute.snapshots.useReadOnly", &body["sourceSnapshot"]);
        self.field("compute.disks.useReadOnly", &body["sourceDisk"]);
    }

    fn policies(&mut self, body: &Value) {
        for policy in body["resourcePolicies"].as_array().into_iter().flatten() {
            self.field("compute.resourcePolicies.use", policy);
        }
    }

    /// A disk of an instance: one that is there, or a new one.
    fn disk(&mut self, instance: &str, index: usize, disk: &Value) {
        if !disk["source"].is_null() {
            let permission = match disk["mode"].as_str() {
                Some("READ_ONLY") => "compute.disks.useReadOnly",
                _ => "compute.disks.use",
            };
            return self.field(permission, &disk["source"]);
        }
        let params = &disk["initializeParams"];
        let (zone, vm) = instance.split_once("/instances/").unwrap_or_default();
        let name = match (params["diskName"].as_str(), index) {
            (Some(name), _) => name.to_owned(),
            (None, 0) => vm.to_owned(),
            (None, index) => format!("{vm}-{index}"),
        };
        let disk = format!("{zone}/disks/{name}");
        self.need("compute.disks.create", disk.clone());
        self.sources(params);
        self.given("compute.disks.setLabels", &disk, &params["labels"]);
        self.policies(params);
    }

    /// The accounts that an instance runs as.
    fn accounts(&mut self, instance: &Value) {
        let accounts = instance["serviceAccounts"].as_array();
        for account in accounts.into_iter().flatten() {
            self.act_as(&account["email"]);
        }
    }

    fn act_as(&mut self, email: &Value) {
        let email = email.as_str().unwrap_or("default");
        let account = format!("projects/{}/serviceAccounts/{email}", self.project);
        self.need(ACT_AS, account);
    }

    fn instance(&mut self, own: &str, body: &Value) {
        let disks = body["disks"].as_array().into_iter().flatten();
        for (index, disk) in disks.enumerate() {
            self.disk(own, index, disk);
        }
        for interface in body["networkInterfaces"].as_array().into_iter().flatten() {
            let subnetwork = self.subnetwork(own, interface);
            self.need("compute.subnetworks.use", subnetwork.clone());
            let external = &interface["accessConfigs"];
            self.given("compute.subnetworks.useExternalIp", &subnetwork, external);
        }
        let metadata = &body["metadata"]["items"];
        self.given("compute.instances.setLabels", own, &body["labels"]);
        self.given("compute.instances.setMetadata", own, metadata);
        self.given("compute.instances.setTags", own, &body["tags"]["items"]);
        self.policies(body);
        let accounts = &body["serviceAccounts"];
        self.given("compute.instances.setServiceAccount", own, accounts);
        self.accounts(body);
    }

    /// The one that an interface names, or its network's in the region.
    fn subnetwork(&self, instance: &str, interface: &Value) -> String {
        let text = |field: &str| interface[field].as_str().unwrap_or_default();
        if !text("subnetwork").is_empty() {
            return self.resource(text("subnetwork"));
        }
        let zone = instance.split('/').nth(3).unwrap_or_default();
        let region = zone.rsplit_once('-').map_or(zone, |(region, _)| region);
        let network = text("network").rsplit('/').next().unwrap_or_default();
        self.resource(&format!("regions/{region}/subnetworks/{network}"))
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
                Method::GET,
                "zones/z-a/instances/i/serialPort",
                "compute.instances.getSerialPortOutput zones/z-a/instances/i",
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
            (
                Method::POST,
                "zones/z-a/instanceGroupManagers/g/resize",
                "compute.instanceGroupManagers.update zones/z-a/instanceGroupManagers/g",
            ),
        ] {
            assert_eq!(lines(&method, path, &Value::Null), [expected]);
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
            lines(&Method::POST, "zones/z-a/instances", &body),
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
            lines(&Method::POST, "zones/z-a/instances/vm/attachDisk", &disk),
            [
                "compute.instances.attachDisk zones/z-a/instances/vm",
                "compute.disks.create zones/z-a/disks/vm-1",
                "compute.images.useReadOnly projects/p/global/images/i",
                "compute.disks.setLabels zones/z-a/disks/vm-1",
            ]
        );
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
        let template = json!({"properties": {"serviceAccounts": [{"email": "a@b"}]}});
        assert_eq!(
            lines(&Method::POST, "global/instanceTemplates", &template)[1],
            "iam.serviceAccounts.actAs serviceAccounts/a@b"
        );
        assert!(is_shaped(
            &json!({"disks": [{"initializeParams": {}}], "resourcePolicies": ["p"]})
        ));
        for bad in [
            json!([]),
            json!({"metadata": []}),
            json!({"disks": [["i"]]}),
        ] {
            assert!(!is_shaped(&bad), "{bad}");
        }
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
