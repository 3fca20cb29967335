//! Disks that are attached to instances.

use rusqlite::{Connection, Result};
use serde_json::Value;

use crate::clock;
use crate::key::{Key, Kind};
use crate::store::resources;

/// The disk that is attached.
pub fn source(instance: &Key, attached: &Value) -> Option<Key> {
    instance.resolve(Kind::Disk, attached["source"].as_str()?)
}

/// Frees a disk of its instance.
pub fn release(tx: &Connection, disk: &Key) -> Result<()> {
    resources::update(tx, disk, |disk| {
        if let Some(fields) = disk.as_object_mut() {
            fields.shift_remove("users");
        }
        disk["lastDetachTimestamp"] = clock::now().into();
    })
}
