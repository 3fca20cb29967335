//! What a new instance, its disks and its accounts refer to. From the reference of the methods, and what
//! <https://cloud.google.com/compute/docs/instances/create-start-instance> says is required.

use serde::Deserialize;
use serde_json::Value;

use crate::api::call::Call;
use crate::api::compute::needs::{ACT_AS, Needs};
use crate::api::method::Need;
use crate::json::text;
use crate::key::last;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct References {
    source_instance_template: Option<String>,
}

/// Of a new instance.
pub fn new_instance(call: &Call, own: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    instance(&mut needs, own, body);
    if let Ok(References {
        source_instance_template: Some(template),
    }) = call.query()
    {
        needs.refer("compute.instanceTemplates.useReadOnly", &template);
    }
    needs.all
}

/// Of a disk that is attached to an instance.
pub fn attached_disk(call: &Call, own: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    disk_of(&mut needs, own, 1, body);
    needs.all
}

/// Of the account that an instance is to run as.
pub fn service_account(call: &Call, _: &str, body: &Value) -> Vec<Need> {
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
    if !disk["source"].is_null() {
        let permission = match disk["mode"].as_str() {
            Some("READ_ONLY") => "compute.disks.useReadOnly",
            _ => "compute.disks.use",
        };
        return needs.field(permission, &disk["source"]);
    }
    let params = &disk["initializeParams"];
    let (zone, vm) = instance.split_once("/instances/").unwrap_or_default();
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
