//! The network interface of an instance, and its address outside.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::request::NetworkInterface;
use crate::engine::addresses::{admitted, choose, strings};
use crate::engine::networks;
use crate::engine::records::fingerprint;
use crate::error::Error;
use crate::json::text;
use crate::key::{Key, Kind, Scope};
use crate::store::resources;
use crate::vm::INTERNAL_ADDRESS;

/// The interface of a new instance with `tags`.
pub fn body(
    tx: &Connection,
    instance: &Key,
    request: &NetworkInterface,
    tags: &[&str],
) -> Result<Value, Error> {
    let project = &instance.project;
    let network = networks::find(project, request.network.as_deref())?;
    let subnetwork = networks::find_subnetwork(project, request.subnetwork.as_deref())?;
    let mut body = json!({
        "kind": "compute#networkInterface",
        "name": "nic0",
        "network": network,
        "subnetwork": subnetwork,
        "networkIP": INTERNAL_ADDRESS,
        "stackType": request.stack_type.as_deref().unwrap_or("IPV4_ONLY"),
    });
    if let Some(nic_type) = &request.nic_type {
        body["nicType"] = nic_type.as_str().into();
    }
    if let Some(access) = request.access_configs.first() {
        body["accessConfigs"] = json!([{
            "kind": "compute#accessConfig",
            "type": access.config_type.as_deref().unwrap_or("ONE_TO_ONE_NAT"),
            "name": access.name.as_deref().unwrap_or("External NAT"),
            "natIP": choose_address(tx, &network, tags)?,
            "networkTier": access.network_tier.as_deref().unwrap_or("PREMIUM"),
        }]);
    }
    body["fingerprint"] = fingerprint(&body).into();
    Ok(body)
}

/// An address on which the ports that the firewall admits now are free.
fn choose_address(tx: &Connection, network: &str, tags: &[&str]) -> Result<IpAddr, Error> {
    let mut others = Vec::new();
    for (key, instance) in resources::all(tx, Kind::Instance)? {
        if let Some(address) = external_address(&instance) {
            others.push((address, ports(tx, &key.project, &instance)?));
        }
    }
    let firewalls: Vec<_> = resources::all(tx, Kind::Firewall)?
        .into_iter()
        .map(|(_, firewall)| firewall)
        .collect();
    choose(&admitted(&firewalls, network, tags), &others).ok_or_else(|| {
        Error::conflict(
            "conflict",
            "no loopback address has all ports free that the firewall admits",
        )
    })
}

/// The ports of an instance that the firewall admits from outside.
pub fn ports(tx: &Connection, project: &str, instance: &Value) -> rusqlite::Result<BTreeSet<u16>> {
    let firewalls = resources::list(tx, project, &Scope::Global, Kind::Firewall)?;
    let tags: Vec<_> = strings(&instance["tags"]["items"]).collect();
    let network = text(&instance["networkInterfaces"][0], "network");
    Ok(admitted(&firewalls, network, &tags))
}

/// The address that an instance keeps for its life.
pub fn external_address(instance: &Value) -> Option<IpAddr> {
    instance["networkInterfaces"][0]["accessConfigs"][0]["natIP"]
        .as_str()?
        .parse()
        .ok()
}
