//! New instances.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::change::service_accounts;
use super::disks::{is_taken, place};
use super::interface;
use super::request::{AttachedDisk, Instance};
use crate::engine::attached::source;
use crate::engine::records::{check_name, check_new, fingerprint, new_body};
use crate::engine::{Engine, labels, machine_types};
use crate::error::Error;
use crate::json::text;
use crate::key::Key;
use crate::store::resources;

impl Engine {
    /// Makes the disks of an instance that is written down, and boots it. A failed one leaves nothing
    /// behind.
    pub async fn build(self: &Arc<Self>, key: &Key, disks: &[Key]) -> anyhow::Result<()> {
        let built = self.make_and_boot(key, disks).await;
        if built.is_err() {
            self.remove_instance(key)?;
            disks.iter().try_for_each(|disk| self.remove_disk(disk))?;
        }
        built
    }

    async fn make_and_boot(self: &Arc<Self>, key: &Key, disks: &[Key]) -> anyhow::Result<()> {
        for disk in disks {
            self.make_disk(disk).await?;
        }
        self.boot(key).await
    }
}

/// Writes down a new instance. Returns those of its disks that are still to be made.
pub fn create(tx: &Connection, key: &Key, request: Instance) -> Result<Vec<Key>, Error> {
    check(&request)?;
    check_new(tx, key)?;
    let (body, made) = describe(tx, key, request)?;
    resources::insert(tx, key, &body)?;
    Ok(made)
}

/// Refuses the properties of a template of which no instance could be made.
pub fn check_properties(properties: &Instance) -> Result<(), Error> {
    if properties.machine_type.is_none() {
        return Err(Error::required("resource.properties.machineType"));
    }
    check(properties)
}

fn check(request: &Instance) -> Result<(), Error> {
    labels::check(request.labels.as_ref())?;
    request.metadata.check()?;
    request.scheduling.check()?;
    request
        .tags
        .items
        .iter()
        .try_for_each(|tag| check_name("resource.tags.items[]", tag))?;
    let boots = request.disks.iter().filter(|disk| disk.boot).count();
    if boots != 1 || !request.disks[0].boot {
        return Err(Error::invalid(
            "Invalid value for field 'resource.disks': ''. Exactly one disk must be the boot \
             disk, and it must be the first one.",
        ));
    }
    if request.deletion_protection {
        return Err(Error::field(
            "resource.deletionProtection",
            "true",
            "This engine does not protect instances against deletion.",
        ));
    }
    if request.network_interfaces.len() != 1
        || request.network_interfaces[0].access_configs.len() > 1
    {
        return Err(Error::invalid(
            "Invalid value for field 'resource.networkInterfaces': ''. This engine's instances \
             have one network interface, with at most one access config.",
        ));
    }
    if request.service_accounts.len() > 1 {
        return Err(Error::invalid(
            "At most one service account can be specified.",
        ));
    }
    Ok(())
}

/// The new instance, and those of its disks that are still to be made.
fn describe(tx: &Connection, key: &Key, request: Instance) -> Result<(Value, Vec<Key>), Error> {
    let machine_type = request
        .machine_type
        .ok_or_else(|| Error::required("resource.machineType"))?;
    let machine_type = machine_types::find_link(key, &machine_type)?;
    let (disks, made) = place_all(tx, key, request.disks)?;
    let tags: Vec<_> = request.tags.items.iter().map(String::as_str).collect();
    let interfaces: Result<Vec<_>, _> = request
        .network_interfaces
        .iter()
        .map(|interface| interface::body(tx, key, interface, &tags))
        .collect();
    let mut body = new_body(
        key,
        json!({
            "description": request.description,
            "hostname": request.hostname,
            "machineType": machine_type,
            "status": "PROVISIONING",
            "cpuPlatform": "QEMU",
            "minCpuPlatform": request.min_cpu_platform,
            "disks": disks,
            "networkInterfaces": interfaces?,
            "serviceAccounts": service_accounts(tx, key, request.service_accounts)?,
            "metadata": request.metadata.body(),
            "tags": request.tags.body(),
            "scheduling": request.scheduling.body(),
            "shieldedInstanceConfig": request.shielded_instance_config,
            "confidentialInstanceConfig": request.confidential_instance_config,
            "displayDevice": request.display_device,
            "reservationAffinity": request.reservation_affinity,
            "canIpForward": request.can_ip_forward,
            "deletionProtection": false,
            "startRestricted": false,
            "keyRevocationActionType": request.key_revocation_action_type,
        }),
    );
    labels::set(&mut body, &request.labels.unwrap_or_default());
    body["fingerprint"] = fingerprint(&body).into();
    Ok((body, made))
}

/// The disks of a new instance, and those of them that are still to be made.
fn place_all(
    tx: &Connection,
    instance: &Key,
    requested: Vec<AttachedDisk>,
) -> Result<(Vec<Value>, Vec<Key>), Error> {
    let (mut disks, mut made) = (Vec::new(), Vec::new());
    for (index, disk) in requested.into_iter().enumerate() {
        let new = disk.initialize_params.is_some();
        let body = place(tx, instance, disk, index)?;
        if is_taken(&disks, &body) {
            return Err(Error::field(
                "resource.disks[].deviceName",
                text(&body, "deviceName"),
                "It is there twice.",
            ));
        }
        if new {
            made.extend(source(instance, &body));
        }
        disks.push(body);
    }
    Ok((disks, made))
}
