//! What the machine of an instance has: its disks, its ports, its metadata.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use serde_json::Value;

use super::instances::{external_address, ports};
use super::{Engine, tree};
use crate::catalog::MACHINE_TYPES;
use crate::json::text;
use crate::key::{Key, Kind, last, relative};
use crate::store::resources;
use crate::vm::{Drive, Forward, Machine};

impl Engine {
    /// The machine of an instance.
    pub fn hardware(&self, tx: &Connection, key: &Key, body: &Value) -> Result<Machine> {
        let type_name = last(text(body, "machineType"));
        let machine_type = MACHINE_TYPES
            .iter()
            .find(|machine_type| machine_type.name == type_name)
            .with_context(|| format!("there is no machine type {type_name}"))?;
        let mut drives = Vec::new();
        for attached in body["disks"].as_array().into_iter().flatten() {
            let disk = key
                .resolve(Kind::Disk, text(attached, "source"))
                .map(|disk| resources::get(tx, &disk))
                .transpose()?
                .flatten()
                .with_context(|| format!("there is no disk {}", text(attached, "source")))?;
            ensure!(
                disk["status"] == "READY",
                "the disk {} is not ready",
                text(&disk, "name")
            );
            drives.push(Drive {
                device_name: text(attached, "deviceName").into(),
                path: self.disk_file(text(&disk, "id")),
                boot: attached["boot"] == true,
            });
        }
        let id = text(body, "id");
        Ok(Machine {
            id: id.parse().context("reading the instance's id")?,
            name: key.name.clone(),
            cpus: machine_type.cpus,
            memory_mib: machine_type.memory_mib,
            drives,
            forwards: forwards(tx, key, body)?,
            dir: self.machine_dir(id),
            uefi: body["shieldedInstanceConfig"]["enableSecureBoot"] == true,
        })
    }
}

/// The ports of an instance that are reachable on this machine, and the address.
fn forwards(tx: &Connection, key: &Key, body: &Value) -> Result<Vec<Forward>> {
    let Some(address) = external_address(body) else {
        return Ok(Vec::new());
    };
    let ports = ports(tx, &key.project, body)?.into_iter();
    Ok(ports
        .map(|port| Forward {
            host: SocketAddr::new(address, port),
            guest_port: port,
        })
        .collect())
}

/// What an instance's metadata server says.
pub fn metadata_tree(tx: &Connection, key: &Key, body: &Value) -> Result<Value> {
    let boot = key.resolve(Kind::Disk, text(&body["disks"][0], "source"));
    let disk = boot
        .map(|disk| resources::get(tx, &disk))
        .transpose()?
        .flatten();
    let image = disk
        .as_ref()
        .and_then(|disk| disk["sourceImage"].as_str())
        .map(relative);
    Ok(tree::tree(key, body, image))
}
