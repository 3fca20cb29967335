//! The instances of a group.

use rusqlite::Connection;
use serde_json::Value;

use super::group::manager_of;
use crate::engine::records::get;
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::{group_members, resources};

/// Puts instances into a group that is not managed.
pub fn add(tx: &Connection, group: &Key, references: &[&str]) -> Result<(), Error> {
    refuse_managed(tx, group)?;
    for reference in references {
        join(tx, group, &named(tx, group, reference)?)?;
    }
    Ok(())
}

/// Takes instances out of a group that is not managed.
pub fn remove(tx: &Connection, group: &Key, references: &[&str]) -> Result<(), Error> {
    refuse_managed(tx, group)?;
    for reference in references {
        let instance = named(tx, group, reference)?;
        group_members::remove(tx, &instance.path())?;
    }
    count(tx, group)
}

fn refuse_managed(tx: &Connection, group: &Key) -> Result<(), Error> {
    get(tx, group)?;
    match resources::get(tx, &manager_of(group))? {
        Some(_) => Err(Error::invalid(format!(
            "The instance group '{}' is managed; its manager alone adds and removes instances.",
            group.path()
        ))),
        None => Ok(()),
    }
}

/// The instance that a request names.
pub fn named(tx: &Connection, group: &Key, reference: &str) -> Result<Key, Error> {
    let key = group
        .resolve(Kind::Instance, reference)
        .ok_or_else(|| Error::field("instances[]", reference, "The URL is malformed."))?;
    get(tx, &key)?;
    Ok(key)
}

/// Puts an instance into a group.
pub fn join(tx: &Connection, group: &Key, instance: &Key) -> Result<(), Error> {
    group_members::add(tx, &group.path(), &instance.path())?;
    count(tx, group)
}

/// Says in a group how many instances it has.
fn count(tx: &Connection, group: &Key) -> Result<(), Error> {
    let size = group_members::list(tx, &group.path())?.len();
    resources::update(tx, group, |group| group["size"] = size.into())?;
    Ok(())
}

/// The instances of a group.
pub fn keys(tx: &Connection, group: &Key) -> Result<Vec<Key>, Error> {
    let paths = group_members::list(tx, &group.path())?;
    Ok(paths
        .iter()
        .filter_map(|path| Key::parse(Kind::Instance, path))
        .collect())
}

/// The bodies of a group's instances.
pub fn bodies(tx: &Connection, group: &Key) -> Result<Vec<Value>, Error> {
    get(tx, group)?;
    let mut bodies = Vec::new();
    for key in keys(tx, group)? {
        bodies.extend(resources::get(tx, &key)?);
    }
    Ok(bodies)
}
