//! What the body of a request asks for. From the reference of the methods, and what
//! <https://cloud.google.com/compute/docs/instances/create-start-instance> says is required.

use serde_json::Value;

use crate::api::method::Need;
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

    /// What a full or partial URL names.
    pub fn resource(&self, reference: &str) -> String {
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
