//! Which instances use a disk.

use rusqlite::Connection;
use serde_json::Value;

use crate::engine::addresses::strings;
use crate::engine::records::get;
use crate::error::Error;
use crate::key::{Key, Kind, relative};
use crate::store::resources;

/// A disk, if no instance uses it.
pub fn free(tx: &Connection, key: &Key) -> Result<Value, Error> {
    let disk = get(tx, key)?;
    match disk["users"].get(0).and_then(Value::as_str) {
        Some(user) => Err(Error::in_use(&key.path(), relative(user))),
        None => Ok(disk),
    }
}

/// Refuses a disk in use by a running machine, as Google does when making an image.
pub fn check_idle(tx: &Connection, key: &Key, disk: &Value) -> Result<(), Error> {
    if disk["status"] != "READY" {
        return Err(Error::not_ready(&key.path(), "it is not READY"));
    }
    for user in strings(&disk["users"]) {
        let Some(instance) = key.resolve(Kind::Instance, user) else {
            continue;
        };
        if resources::get(tx, &instance)?.is_some_and(|i| i["status"] != "TERMINATED") {
            return Err(Error::in_use(&key.path(), &instance.path()));
        }
    }
    Ok(())
}
