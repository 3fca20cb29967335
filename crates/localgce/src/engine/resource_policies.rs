//! Resource policies of disks.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::addresses::strings;
use super::records::get;
use super::{Work, nothing};
use crate::catalog::REGION;
use crate::error::Error;
use crate::key::{Key, Kind, Scope, relative};
use crate::store::resources;

/// The links of the policies that a disk asks for by name or link. A disk has one schedule.
pub fn find(
    tx: &Connection,
    disk: &Key,
    references: Option<&[String]>,
) -> Result<Option<Vec<String>>, Error> {
    let Some(references) = references.filter(|references| !references.is_empty()) else {
        return Ok(None);
    };
    let links = references
        .iter()
        .map(|reference| {
            let key = named(disk, reference)?;
            get(tx, &key)?;
            Ok(key.link())
        })
        .collect::<Result<Vec<_>, Error>>()?;
    if links.len() > 1 {
        return Err(Error::invalid(
            "A disk can have one snapshot schedule at most.",
        ));
    }
    Ok(Some(links))
}

fn named(disk: &Key, reference: &str) -> Result<Key, Error> {
    disk.cousin(Scope::Region(REGION.into()), Kind::ResourcePolicy, "")
        .resolve(Kind::ResourcePolicy, reference)
        .ok_or_else(|| Error::field("resourcePolicies[]", reference, "The URL is malformed."))
}

/// Attaches policies to a disk.
pub fn add(tx: &Connection, key: &Key, references: &[String]) -> Result<Work, Error> {
    let disk = get(tx, key)?;
    let own = strings(&disk["resourcePolicies"]).map(str::to_owned);
    let mut all: Vec<_> = own.collect();
    for reference in references {
        let link = named(key, reference)?.link();
        if !all.contains(&link) {
            all.push(link);
        }
    }
    let all = find(tx, key, Some(&all))?;
    resources::update(tx, key, |disk| disk["resourcePolicies"] = json!(all))?;
    nothing()
}

/// Detaches policies from a disk.
pub fn remove(tx: &Connection, key: &Key, references: &[String]) -> Result<Work, Error> {
    let disk = get(tx, key)?;
    let gone = references.iter();
    let gone = gone.map(|reference| Ok(named(key, reference)?.path()));
    let gone = gone.collect::<Result<Vec<_>, Error>>()?;
    let left: Vec<_> = strings(&disk["resourcePolicies"])
        .filter(|link| !gone.iter().any(|path| path == relative(link)))
        .collect();
    resources::update(tx, key, |disk| {
        disk["resourcePolicies"] = json!(left);
        if left.is_empty()
            && let Some(fields) = disk.as_object_mut()
        {
            fields.shift_remove("resourcePolicies");
        }
    })?;
    nothing()
}

/// Refuses to delete a policy that a disk has.
pub fn check_unused(tx: &Connection, key: &Key, policy: &Value) -> Result<(), Error> {
    let link = policy["selfLink"].as_str().unwrap_or_default();
    for (disk, body) in resources::all(tx, Kind::Disk)? {
        if strings(&body["resourcePolicies"]).any(|attached| attached == link) {
            return Err(Error::in_use(&key.path(), &disk.path()));
        }
    }
    Ok(())
}
