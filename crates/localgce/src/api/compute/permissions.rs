//! What a caller must be allowed for each method, by IAM's names: those of the method itself and those
//! that its body asks for. From the reference of the methods, and what
//! <https://cloud.google.com/compute/docs/instances/create-start-instance> says is required.

use axum::http::Method;
use serde_json::Value;

/// A permission, and the resource that it is needed on.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    pub permission: String,
    /// `projects/P/zones/Z/instances/N`.
    pub resource: String,
}

/// The service accounts' part of a permission's name, whose policies are their own.
pub const ACT_AS: &str = "iam.serviceAccounts.actAs";

/// What a request needs. `path` begins with `projects/P`.
pub fn needed(method: &Method, path: &str, template: Option<&str>, body: &Value) -> Vec<Need> {
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
        ["aggregated", collection] => {
            return request.only(&format!("compute.{collection}.list"), path);
        }
        [places @ ("zones" | "regions")] => {
            return request.only(&format!("compute.{places}.list"), path);
        }
        [places @ ("zones" | "regions"), _] => {
            return request.only(&format!("compute.{places}.get"), path);
        }
        ["global", rest @ ..] => ("global", rest),
        [places @ ("zones" | "regions"), _, rest @ ..] => (*places, rest),
        [action, ..] => return request.only(&format!("compute.projects.{action}"), path),
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
    // A new resource's own name is in the body.
    let own = match (rest, body["name"].as_str()) {
        ([], Some(name)) => format!("{path}/{name}"),
        ([name, action], _) if *name != "family" => path
            .strip_suffix(&format!("/{action}"))
            .unwrap_or(path)
            .to_owned(),
        _ => path.to_owned(),
    };
    request.need(&format!("compute.{collection}.{verb}"), own.clone());
    request.body(collection, verb, &own, body);
    if let Some(template) = template {
        request.refer("compute.instanceTemplates.useReadOnly", template);
    }
    request.needs
}

/// The last word of a method's own permission.
fn verb<'a>(method: &Method, collection: &str, rest: &[&'a str]) -> &'a str {
    match (collection, rest, method.as_str()) {
        ("images", ["family", _], _) | ("imageFamilyViews", ..) => "getFromFamily",
        ("operations", [_, "wait"], _)
        | ("instanceGroupManagers", [_, "listManagedInstances" | "listErrors"], _) => "get",
        (_, [_, "serialPort"], _) => "getSerialPortOutput",
        ("instanceGroups", [_, "listInstances"], _) => "list",
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

    /// A permission on what a full or partial URL names.
    fn refer(&mut self, permission: &str, reference: &str) {
        let resource = match reference.find("projects/") {
            Some(at) => reference[at..].to_owned(),
            None => format!("projects/{}/{}", self.project, reference.trim_matches('/')),
        };
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
            ("instances", "attachDisk") => self.attached(body),
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

    fn attached(&mut self, disk: &Value) {
        let permission = match disk["mode"].as_str() {
            Some("READ_ONLY") => "compute.disks.useReadOnly",
            _ => "compute.disks.use",
        };
        self.field(permission, &disk["source"]);
    }

    fn act_as(&mut self, email: &Value) {
        let email = email.as_str().unwrap_or("default");
        let account = format!("projects/{}/serviceAccounts/{email}", self.project);
        self.need(ACT_AS, account);
    }

    fn instance(&mut self, own: &str, body: &Value) {
        let zone = own.split("/instances/").next().unwrap_or_default();
        for disk in body["disks"].as_array().into_iter().flatten() {
            let params = &disk["initializeParams"];
            if disk["source"].is_null() {
                let name = params["diskName"].as_str().or(body["name"].as_str());
                let disk = format!("{zone}/disks/{}", name.unwrap_or_default());
                self.need("compute.disks.create", disk.clone());
                self.sources(params);
                self.given("compute.disks.setLabels", &disk, &params["labels"]);
                self.policies(params);
            } else {
                self.attached(disk);
            }
        }
        for interface in body["networkInterfaces"].as_array().into_iter().flatten() {
            let subnetwork = self.subnetwork(zone, interface);
            self.need("compute.subnetworks.use", subnetwork.clone());
            let external = &interface["accessConfigs"];
            self.given("compute.subnetworks.useExternalIp", &subnetwork, external);
        }
        self.given("compute.instances.setLabels", own, &body["labels"]);
        self.given(
            "compute.instances.setMetadata",
            own,
            &body["metadata"]["items"],
        );
        self.given("compute.instances.setTags", own, &body["tags"]["items"]);
        self.policies(body);
        let accounts = &body["serviceAccounts"];
        self.given("compute.instances.setServiceAccount", own, accounts);
        for account in accounts.as_array().into_iter().flatten() {
            self.act_as(&account["email"]);
        }
    }

    /// The one that an interface names, or its network's in the region.
    fn subnetwork(&self, zone: &str, interface: &Value) -> String {
        let text = |field: &str| interface[field].as_str().unwrap_or_default();
        let named = text("subnetwork");
        if let Some(at) = named.find("projects/") {
            return named[at..].to_owned();
        }
        if !named.is_empty() {
            return format!("projects/{}/{named}", self.project);
        }
        let region = zone.rsplit('/').next().unwrap_or_default();
        let region = region.rsplit_once('-').map_or(region, |(region, _)| region);
        let network = text("network").rsplit('/').next().unwrap_or_default();
        format!(
            "projects/{}/regions/{region}/subnetworks/{network}",
            self.project
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(method: &Method, path: &str, body: &Value) -> Vec<String> {
        let path = format!("projects/my-project/{path}");
        needed(method, path.trim_end_matches('/'), None, body)
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
                "compute.disks.list aggregated/disks",
            ),
            (
                Method::GET,
                "zones/z-a/disks",
                "compute.disks.list zones/z-a/disks",
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
                "compute.globalOperations.list global/operations",
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
