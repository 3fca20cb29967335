//! Groups of instances.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::engine::records::{check_new, fingerprint, get, new_body};
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::{group_members, resources};

/// What a port of a group's instances is called.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NamedPort {
    name: String,
    port: u16,
}

/// Writes down a new group, without instances.
pub fn create(
    tx: &Connection,
    key: &Key,
    description: Option<&str>,
    ports: Option<&[NamedPort]>,
) -> Result<(), Error> {
    check_new(tx, key)?;
    let mut body = new_body(
        key,
        json!({"description": description, "namedPorts": ports, "size": 0}),
    );
    body["fingerprint"] = fingerprint(&json!(ports)).into();
    resources::insert(tx, key, &body)?;
    Ok(())
}

/// Deletes a group that is not managed; its instances stay.
pub fn delete(tx: &Connection, key: &Key) -> Result<(), Error> {
    get(tx, key)?;
    let manager = manager_of(key);
    if resources::get(tx, &manager)?.is_some() {
        return Err(Error::in_use(&key.path(), &manager.path()));
    }
    group_members::clear(tx, &key.path())?;
    resources::remove(tx, key)?;
    Ok(())
}

/// Names a group's ports, if the names are still those that the client has seen.
pub fn set_named_ports(
    tx: &Connection,
    key: &Key,
    ports: &[NamedPort],
    seen: Option<&str>,
) -> Result<(), Error> {
    let group = get(tx, key)?;
    if seen.is_some_and(|seen| group["fingerprint"] != seen) {
        return Err(Error::fingerprint("named ports"));
    }
    resources::update(tx, key, |group| {
        group["namedPorts"] = json!(ports);
        group["fingerprint"] = fingerprint(&group["namedPorts"]).into();
    })?;
    Ok(())
}

/// The group that a manager fills.
pub fn group_of(manager: &Key) -> Key {
    manager.sibling(Kind::InstanceGroup, &manager.name)
}

/// The manager of a group that is managed.
pub fn manager_of(group: &Key) -> Key {
    group.sibling(Kind::InstanceGroupManager, &group.name)
}
