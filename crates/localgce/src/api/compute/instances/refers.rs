//! What a new instance, its disks and its accounts refer to. From the reference of the methods, and what
//! <https://cloud.google.com/compute/docs/instances/create-start-instance> says is required.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use crate::api::call::Call;
use crate::api::compute::needs::{ACT_AS, Needs};
use crate::api::method::Need;
use crate::engine::templates;
use crate::json::text;
use crate::key::{Kind, last};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct References {
    source_instance_template: Option<String>,
}

/// Of a new instance.
pub fn new_instance(tx: &Connection, call: &Call, own: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    let query: Result<References, _> = call.query();
    let template = query.ok().and_then(|query| query.source_instance_template);
    let Some(template) = template else {
        instance(&mut needs, own, body);
        return needs.all;
    };
    needs.refer("compute.instanceTemplates.useReadOnly", &template);
    // What the template gives is asked for as well. Where there is none, the call says so.
    let request = body.as_object().cloned().unwrap_or_default();
    let found = call.key(Kind::Instance).ok();
    let found = found.and_then(|key| templates::find(tx, &key, &template).ok());
    let template = found.map_or(Value::Null, |(_, template)| template);
    instance(&mut needs, own, &templates::merge(&template, request));
    needs.all
}

/// Of a disk that is attached to an instance.
pub fn attached_disk(_: &Connection, call: &Call, own: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    disk_of(&mut needs, own, 1, body);
    needs.all
}

/// Of the account that an instance is to run as.
pub fn service_account(_: &Connection, call: &Call, _: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    act_as(&mut needs, &body["email"]);
    needs.all
}

/// Of the accounts of an instance, or of a template's properties.
pub fn accounts(call: &Call, instance: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    act_as_all(&mut needs, instance);
    needs.all
}

/// What a new instance is made of.
fn instance(needs: &mut Needs, own: &str, body: &Value) {
    let disks = body["disks"].as_array().into_iter().flatten();
    for (index, disk) in disks.enumerate() {
        disk_of(needs, own, index, disk);
    }
    for interface in body["networkInterfaces"].as_array().into_iter().flatten() {
        let subnetwork = subnetwork(needs, own, interface);
        needs.need("compute.subnetworks.use", subnetwork.clone());
        let external = &interface["accessConfigs"];
        needs.given("compute.subnetworks.useExternalIp", &subnetwork, external);
    }
    let metadata = &body["metadata"]["items"];
    needs.given("compute.instances.setLabels", own, &body["labels"]);
    needs.given("compute.instances.setMetadata", own, metadata);
    needs.given("compute.instances.setTags", own, &body["tags"]["items"]);
    needs.policies(body);
    let accounts = &body["serviceAccounts"];
    needs.given("compute.instances.setServiceAccount", own, accounts);
    act_as_all(needs, body);
}

/// A disk of an instance: one that is there, or a new one.
fn disk_of(needs: &mut Needs, instance: &str, index: usize, disk: &Value) {
    let (zone, vm) = instance.split_once("/instances/").unwrap_or_default();
    if !disk["source"].is_null() {
        let permission = match disk["mode"].as_str() {
            Some("READ_ONLY") => "compute.disks.useReadOnly",
            _ => "compute.disks.use",
        };
        let source = text(disk, "source");
        // A template has the name alone.
        return if source.is_empty() || source.contains('/') {
            needs.field(permission, &disk["source"]);
        } else {
            needs.need(permission, format!("{zone}/disks/{source}"));
        };
    }
    let params = &disk["initializeParams"];
    let name = match (params["diskName"].as_str(), index) {
        (Some(name), _) => name.to_owned(),
        (None, 0) => vm.to_owned(),
        (None, index) => format!("{vm}-{index}"),
    };
    let disk = format!("{zone}/disks/{name}");
    needs.need("compute.disks.create", disk.clone());
    needs.sources(params);
    needs.given("compute.disks.setLabels", &disk, &params["labels"]);
    needs.policies(params);
}

/// The subnetwork that an interface names, or its network's in the region.
fn subnetwork(needs: &Needs, instance: &str, interface: &Value) -> String {
    let named = text(interface, "subnetwork");
    if !named.is_empty() {
        return needs.resource(named);
    }
    let zone = instance.split('/').nth(3).unwrap_or_default();
    let region = zone.rsplit_once('-').map_or(zone, |(region, _)| region);
    let network = last(text(interface, "network"));
    needs.resource(&format!("regions/{region}/subnetworks/{network}"))
}

/// The accounts that an instance runs as.
fn act_as_all(needs: &mut Needs, instance: &Value) {
    let accounts = instance["serviceAccounts"].as_array();
    for account in accounts.into_iter().flatten() {
        act_as(needs, &account["email"]);
    }
}

fn act_as(needs: &mut Needs, email: &Value) {
    let email = email.as_str().unwrap_or("default");
    needs.refer(ACT_AS, &format!("serviceAccounts/{email}"));
}
