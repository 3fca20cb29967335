//! What the body of a request asks for. From the reference of the methods, and what
//! <https://cloud.google.com/compute/docs/instances/create-start-instance> says is required.

use serde_json::Value;

use crate::api::method::Need;
use crate::engine::images::bucket_and_object;
use crate::key::relative;

/// To have a VM run as a service account. The account's own policy counts.
pub const ACT_AS: &str = "iam.serviceAccounts.actAs";

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

/// The needs of a request.
pub struct Needs<'a> {
    project: &'a str,
    pub all: Vec<Need>,
}

impl<'a> Needs<'a> {
    pub fn new(project: &'a str) -> Self {
        Self {
            project,
            all: Vec::new(),
        }
    }

    /// A permission on a resource.
    pub fn need(&mut self, permission: &str, resource: impl Into<String>) {
        self.all.push(Need {
            permission: permission.into(),
            resource: resource.into(),
        });
    }

    /// Just this one.
    pub fn only(mut self, permission: &str, resource: &str) -> Vec<Need> {
        self.need(permission, resource);
        self.all
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

    /// A permission on what a full or partial URL names.
    pub fn refer(&mut self, permission: &str, reference: &str) {
        let resource = self.resource(reference);
        self.need(permission, resource);
    }

    /// A permission on what a field names, if it names something.
    pub fn field(&mut self, permission: &str, reference: &Value) {
        if let Some(reference) = reference.as_str().filter(|text| !text.is_empty()) {
            self.refer(permission, reference);
        }
    }

    /// A permission that a field needs which holds something.
    pub fn given(&mut self, permission: &str, resource: &str, value: &Value) {
        let holds = match value {
            Value::Object(map) => !map.is_empty(),
            Value::Array(list) => !list.is_empty(),
            _ => false,
        };
        if holds {
            self.need(permission, resource);
        }
    }

    /// What a method's body asks for.
    pub fn body(&mut self, collection: &str, verb: &str, own: &str, body: &Value) {
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
    pub fn sources(&mut self, body: &Value) {
        self.field("compute.images.useReadOnly", &body["sourceImage"]);
        self.field("compute.snapshots.useReadOnly", &body["sourceSnapshot"]);
        self.field("compute.disks.useReadOnly", &body["sourceDisk"]);
    }

    pub fn policies(&mut self, body: &Value) {
        for policy in body["resourcePolicies"].as_array().into_iter().flatten() {
            self.field("compute.resourcePolicies.use", policy);
        }
    }

    /// A disk of an instance: one that is there, or a new one.
    pub fn disk(&mut self, instance: &str, index: usize, disk: &Value) {
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
    pub fn accounts(&mut self, instance: &Value) {
        let accounts = instance["serviceAccounts"].as_array();
        for account in accounts.into_iter().flatten() {
            self.act_as(&account["email"]);
        }
    }

    pub fn act_as(&mut self, email: &Value) {
        let email = email.as_str().unwrap_or("default");
        let account = format!("projects/{}/serviceAccounts/{email}", self.project);
        self.need(ACT_AS, account);
    }

    pub fn instance(&mut self, own: &str, body: &Value) {
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

    use super::is_shaped;

    #[test]
    fn lists_do_not_pass_for_objects() {
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
}
