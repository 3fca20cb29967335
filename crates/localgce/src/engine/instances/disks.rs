//! The disks of instances.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::change::check_stopped;
use super::request::AttachedDisk;
use crate::clock;
use crate::engine::attached::{release, source};
use crate::engine::disks::{self, Disk};
use crate::engine::records::get;
use crate::error::Error;
use crate::json::text;
use crate::key::{Key, Kind};
use crate::store::resources;

/// Attaches a disk to a stopped instance.
pub fn attach(tx: &Connection, instance: &Key, attached: AttachedDisk) -> Result<(), Error> {
    let mut disks = attached_to(tx, instance)?;
    let body = place(tx, instance, attached, disks.len())?;
    if is_taken(&disks, &body) {
        let why = "Device name is already in use.";
        return Err(Error::field("deviceName", text(&body, "deviceName"), why));
    }
    disks.push(body);
    resources::update(tx, instance, |body| body["disks"] = disks.into())?;
    Ok(())
}

/// Detaches a disk from a stopped instance.
pub fn detach(tx: &Connection, instance: &Key, device_name: &str) -> Result<(), Error> {
    let mut disks = attached_to(tx, instance)?;
    let index = position(&disks, device_name)?;
    if let Some(disk) = source(instance, &disks.remove(index)) {
        release(tx, &disk)?;
    }
    for (index, disk) in disks.iter_mut().enumerate() {
        disk["index"] = index.into();
    }
    resources::update(tx, instance, |body| body["disks"] = disks.into())?;
    Ok(())
}

/// Says whether a disk goes with its instance.
pub fn set_auto_delete(
    tx: &Connection,
    instance: &Key,
    device_name: &str,
    auto_delete: bool,
) -> Result<(), Error> {
    let body = get(tx, instance)?;
    let index = position(
        body["disks"].as_array().map_or(&[], Vec::as_slice),
        device_name,
    )?;
    resources::update(tx, instance, |body| {
        body["disks"][index]["autoDelete"] = auto_delete.into();
    })?;
    Ok(())
}

/// The disks of a stopped instance: QEMU could plug them into running machines; this engine does not.
fn attached_to(tx: &Connection, instance: &Key) -> Result<Vec<Value>, Error> {
    let body = get(tx, instance)?;
    check_stopped(instance, &body)?;
    Ok(body["disks"].as_array().cloned().unwrap_or_default())
}

fn position(disks: &[Value], device_name: &str) -> Result<usize, Error> {
    disks
        .iter()
        .position(|disk| disk["deviceName"] == device_name)
        .ok_or_else(|| Error::field("deviceName", device_name, "No attached disk found."))
}

/// Whether one of `disks` has the name of `new`.
pub fn is_taken(disks: &[Value], new: &Value) -> bool {
    disks
        .iter()
        .any(|disk| disk["deviceName"] == new["deviceName"])
}

/// Gives an instance its disk number `index`, which is written down if it is a new one.
pub fn place(
    tx: &Connection,
    instance: &Key,
    attached: AttachedDisk,
    index: usize,
) -> Result<Value, Error> {
    let field = |name: &str| format!("resource.disks[{index}].{name}");
    for (name, value, only) in [
        ("mode", &attached.mode, "READ_WRITE"),
        ("type", &attached.disk_type, "PERSISTENT"),
    ] {
        if let Some(value) = value.as_deref().filter(|value| *value != only) {
            let why = format!("This engine's disks are {only}.");
            return Err(Error::field(&field(name), value, &why));
        }
    }
    let (key, disk) = match (attached.source, attached.initialize_params) {
        (Some(source), None) => take(tx, instance, &source, &field("source"))?,
        (None, Some(params)) => {
            let name = params.disk_name.unwrap_or_else(|| match index {
                0 => instance.name.clone(),
                index => format!("{}-{index}", instance.name),
            });
            let key = instance.sibling(Kind::Disk, &name);
            let disk = Disk {
                description: params.description,
                size_gb: params.disk_size_gb.or(attached.disk_size_gb),
                disk_type: params.disk_type,
                source_image: params.source_image,
                source_snapshot: params.source_snapshot,
                disk_encryption_key: attached.disk_encryption_key,
                labels: params.labels,
                resource_policies: params.resource_policies,
                ..Disk::default()
            };
            let disk = disks::create(tx, &key, disk, Some(instance))?;
            (key, disk)
        }
        _ => {
            return Err(Error::invalid(format!(
                "Invalid value for field 'resource.disks[{index}]': ''. Exactly one of fields \
                 source and initializeParams must be specified."
            )));
        }
    };
    let device_name = attached
        .device_name
        .unwrap_or_else(|| format!("persistent-disk-{index}"));
    let mut body = json!({
        "kind": "compute#attachedDisk",
        "type": "PERSISTENT",
        "mode": "READ_WRITE",
        "source": key.link(),
        "deviceName": device_name,
        "index": index,
        "boot": attached.boot,
        "autoDelete": attached.auto_delete,
        "interface": attached.interface.as_deref().unwrap_or("SCSI"),
        "diskSizeGb": disk["sizeGb"],
    });
    for field in ["guestOsFeatures", "architecture"] {
        if !disk[field].is_null() {
            body[field] = disk[field].clone();
        }
    }
    Ok(body)
}

/// Takes a disk that is there for an instance. `field` is where the request names it.
fn take(
    tx: &Connection,
    instance: &Key,
    reference: &str,
    field: &str,
) -> Result<(Key, Value), Error> {
    let refuse = |why| Error::field(field, reference, why);
    let key = instance
        .resolve(Kind::Disk, reference)
        .ok_or_else(|| refuse("The URL is malformed."))?;
    if key.scope != instance.scope {
        return Err(refuse("The disk must be in the same zone as the instance."));
    }
    let disk = disks::free(tx, &key)?;
    if disk["status"] != "READY" {
        return Err(Error::not_ready(&key.path(), "it is not READY"));
    }
    resources::update(tx, &key, |disk| {
        disk["users"] = json!([instance.link()]);
        disk["lastAttachTimestamp"] = clock::now().into();
    })?;
    Ok((key, disk))
}
