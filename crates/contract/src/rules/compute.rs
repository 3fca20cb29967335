//! Compute Engine: <https://cloud.google.com/compute/docs/reference/rest/v1>.

use serde_json::{Map, Value};

use super::rule::{Rules, Say, get, text};
use crate::exchange::Exchange;
use crate::syntax::{METADATA_KEY, NAME, matches};

pub(super) const RULES: Rules = Rules {
    required: &[
        ("compute.disks.createSnapshot", &["name"]),
        ("compute.disks.resize", &["sizeGb"]),
        ("compute.disks.setLabels", &["labelFingerprint"]),
        ("compute.healthChecks.insert", &["name", "type"]),
        ("compute.images.setLabels", &["labelFingerprint"]),
        (
            "compute.instanceGroupManagers.insert",
            &["baseInstanceName"],
        ),
        ("compute.instances.attachDisk", &["source"]),
        ("compute.instances.setLabels", &["labelFingerprint"]),
        ("compute.instances.setTags", &["fingerprint"]),
        ("compute.resourcePolicies.insert", &["name"]),
        ("compute.snapshots.insert", &["sourceDisk"]),
        ("compute.snapshots.setLabels", &["labelFingerprint"]),
    ],
    exactly_one: &[
        ("compute.firewalls.insert", &["allowed", "denied"]),
        (
            "compute.images.insert",
            &[
                "rawDisk.source",
                "sourceDisk",
                "sourceImage",
                "sourceSnapshot",
            ],
        ),
        (
            "compute.instanceTemplates.insert",
            &["properties", "sourceInstance"],
        ),
        (
            "compute.instanceGroupManagers.insert",
            &["instanceTemplate", "versions"],
        ),
    ],
    answered: &[
        (
            "Disk",
            &[
                "id",
                "name",
                "selfLink",
                "creationTimestamp",
                "status",
                "sizeGb",
                "type",
                "zone",
                "labelFingerprint",
            ],
        ),
        (
            "Firewall",
            &[
                "id",
                "name",
                "selfLink",
                "creationTimestamp",
                "direction",
                "network",
                "priority",
            ],
        ),
        (
            "HealthCheck",
            &["id", "name", "selfLink", "creationTimestamp", "type"],
        ),
        (
            "Image",
            &[
                "id",
                "name",
                "selfLink",
                "creationTimestamp",
                "status",
                "labelFingerprint",
            ],
        ),
        (
            "Instance",
            &[
                "id",
                "name",
                "selfLink",
                "creationTimestamp",
                "status",
                "zone",
                "machineType",
                "disks",
                "networkInterfaces",
                "metadata",
                "tags",
                "scheduling",
                "fingerprint",
                "labelFingerprint",
            ],
        ),
        (
            "InstanceGroupManager",
            &[
                "id",
                "name",
                "selfLink",
                "creationTimestamp",
                "baseInstanceName",
                "instanceTemplate",
                "instanceGroup",
                "targetSize",
                "currentActions",
                "status",
                "fingerprint",
            ],
        ),
        (
            "InstanceTemplate",
            &["id", "name", "selfLink", "creationTimestamp", "properties"],
        ),
        (
            "MachineType",
            &["name", "selfLink", "guestCpus", "memoryMb", "zone"],
        ),
        ("Network", &["id", "name", "selfLink"]),
        (
            "Operation",
            &[
                "id",
                "name",
                "selfLink",
                "operationType",
                "targetLink",
                "status",
                "progress",
                "insertTime",
                "user",
            ],
        ),
        (
            "Project",
            &["id", "name", "selfLink", "commonInstanceMetadata"],
        ),
        ("Region", &["name", "selfLink", "status"]),
        (
            "ResourcePolicy",
            &[
                "id",
                "name",
                "selfLink",
                "creationTimestamp",
                "region",
                "status",
            ],
        ),
        (
            "Snapshot",
            &[
                "id",
                "name",
                "selfLink",
                "creationTimestamp",
                "status",
                "diskSizeGb",
                "labelFingerprint",
            ],
        ),
        ("Zone", &["name", "selfLink", "status", "region"]),
    ],
    request,
    resource,
};

fn request(method: &str, exchange: &Exchange, body: &Value, say: &mut Say) {
    if method.ends_with(".insert") || method == "compute.disks.createSnapshot" {
        let name = body["name"].as_str();
        // snapshots.insert makes one up, and without any the document's own rule has spoken.
        if let Some(name) = name
            && !matches(NAME, name)
        {
            say("name", format!("{name:?} is no name: {NAME}"));
        }
    }
    if method == "compute.instances.insert" {
        let template = exchange.query_value("sourceInstanceTemplate").is_some();
        for field in ["machineType", "disks", "networkInterfaces"] {
            if !template && body.get(field).is_none() {
                say(field, "is missing; only a template could give it".into());
            }
        }
    }
    let instance = if method == "compute.instanceTemplates.insert" {
        &body["properties"]
    } else {
        body
    };
    for (field, items) in [
        ("metadata.items", get(instance, "metadata.items")),
        ("items", get(body, "items")),
    ] {
        for key in items
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|item| item["key"].as_str())
        {
            if !matches(METADATA_KEY, key) {
                say(
                    field,
                    format!("{key:?} is no key of metadata: {METADATA_KEY}"),
                );
            }
        }
    }
    for tag in get(instance, "tags.items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if !tag.as_str().is_some_and(|tag| matches(NAME, tag)) {
            say("tags.items", format!("{tag} is no tag: {NAME}"));
        }
    }
    if method == "compute.instances.insert" {
        disks(body, say);
    }
}

/// An instance has one boot disk, and each disk is either there already or made with it.
fn disks(body: &Value, say: &mut Say) {
    let disks = body["disks"].as_array().map_or(&[][..], Vec::as_slice);
    if !disks.is_empty() && disks.iter().filter(|disk| disk["boot"] == true).count() != 1 {
        say("disks", "must have exactly one with boot: true".into());
    }
    for (n, disk) in disks.iter().enumerate() {
        if disk.get("source").is_some() == disk.get("initializeParams").is_some() {
            say(
                &format!("disks[{n}]"),
                "must have either source or initializeParams".into(),
            );
        }
    }
}

fn resource(schema: &str, fields: &Map<String, Value>, say: &mut Say) {
    let there = |name: &str| fields.contains_key(name);
    let mut goes_with = |state: &str, wanted: &[&str]| {
        for field in wanted.iter().filter(|field| !there(field)) {
            say(
                field,
                format!("is missing; every {schema} that is {state} has it"),
            );
        }
    };
    match (schema, text(fields, "status")) {
        ("Instance", "RUNNING") => goes_with("RUNNING", &["lastStartTimestamp"]),
        ("Instance", "TERMINATED") => goes_with("TERMINATED", &["lastStopTimestamp"]),
        ("Image", "READY") => goes_with("READY", &["diskSizeGb", "archiveSizeBytes"]),
        ("Snapshot", "READY") => goes_with("READY", &["storageBytes", "sourceDisk"]),
        ("Operation", "RUNNING") => goes_with("RUNNING", &["startTime"]),
        ("Operation", "DONE") => goes_with("DONE", &["endTime", "startTime"]),
        _ => {}
    }
    match schema {
        "Operation" => operation(fields, say),
        "Metadata" | "Tags" if !there("fingerprint") => {
            say(
                "fingerprint",
                "is missing; who wants to change it needs it".into(),
            );
        }
        _ => {}
    }
}

fn operation(fields: &Map<String, Value>, say: &mut Say) {
    let there = |name: &str| fields.contains_key(name);
    let done = text(fields, "status") == "DONE";
    if done && fields.get("progress") != Some(&100.into()) {
        say("progress", "is not 100, and the operation is DONE".into());
    }
    for field in [
        "endTime",
        "error",
        "httpErrorStatusCode",
        "httpErrorMessage",
    ] {
        if !done && there(field) {
            say(field, "is there, and the operation is not DONE".into());
        }
    }
    if there("error") != there("httpErrorStatusCode") || there("error") != there("httpErrorMessage")
    {
        say(
            "error",
            "goes with httpErrorStatusCode and httpErrorMessage".into(),
        );
    }
    let errors = fields.get("error").map(|error| &error["errors"]);
    if let Some(errors) = errors {
        let good = |error: &Value| error["code"].is_string() && error["message"].is_string();
        if !errors
            .as_array()
            .is_some_and(|errors| !errors.is_empty() && errors.iter().all(good))
        {
            say(
                "error.errors",
                "must hold errors with code and message".into(),
            );
        }
    }
    // Where to ask for it.
    let link = text(fields, "selfLink");
    let place = match (there("zone"), there("region")) {
        (true, false) => format!("/{}/", tail(text(fields, "zone"))),
        (false, true) => format!("/{}/", tail(text(fields, "region"))),
        (false, false) => "/global/".into(),
        (true, true) => return say("zone", "is there, and region too".into()),
    };
    if there("selfLink") && !link.contains(&place) {
        say("selfLink", format!("does not lead to {place}"));
    }
}

/// `zones/ZONE` or `regions/REGION` of a link.
fn tail(link: &str) -> &str {
    let slash = link.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
    &link[slash..]
}
