//! What all resources have in common.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::error::Error;
use crate::json::prune;
use crate::key::{Key, Scope, region_link, zone_link};
use crate::store::{new_id, resources};

/// A resource's body, or Google's 404.
pub fn get(tx: &Connection, key: &Key) -> Result<Value, Error> {
    resources::get(tx, key)?.ok_or_else(|| Error::not_found(&key.path()))
}

/// Refuses a name that is taken or malformed.
pub fn check_new(tx: &Connection, key: &Key) -> Result<(), Error> {
    check_name("resource.name", &key.name)?;
    match resources::get(tx, key)? {
        Some(_) => Err(Error::already_exists(&key.path())),
        None => Ok(()),
    }
}

/// A new resource: the fields that every resource has, and `fields`. The store adds the time.
pub fn new_body(key: &Key, fields: Value) -> Value {
    let mut body = json!({
        "kind": key.kind.kind(),
        "id": new_id().to_string(),
        "name": key.name,
        "selfLink": key.link(),
    });
    match &key.scope {
        Scope::Global => {}
        Scope::Region(region) => body["region"] = region_link(&key.project, region).into(),
        Scope::Zone(zone) => body["zone"] = zone_link(&key.project, zone).into(),
    }
    if let Value::Object(fields) = prune(fields) {
        for (name, value) in fields {
            body[name] = value;
        }
    }
    body
}

/// Refuses a malformed name.
pub fn check_name(field: &str, name: &str) -> Result<(), Error> {
    let letter = |c: char| c.is_ascii_lowercase();
    let inner = |c: char| letter(c) || c.is_ascii_digit() || c == '-';
    let good = name.starts_with(letter)
        && name.len() <= 63
        && name.chars().all(inner)
        && !name.ends_with('-');
    if good {
        return Ok(());
    }
    Err(Error::field(
        field,
        name,
        "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'",
    ))
}

/// The hash by which a client proves that it has seen the latest value.
pub fn fingerprint(value: &Value) -> String {
    use base64::Engine as _;
    let text = value.to_string();
    let hash = u64::from(crc32c::crc32c(text.as_bytes())) << 32 | text.len() as u64;
    base64::prelude::BASE64_URL_SAFE.encode(hash.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_as_google_takes_them() {
        for good in ["a", "a-1", &"a".repeat(63)] {
            assert!(check_name("resource.name", good).is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "a-", "a_b", "ä", &"a".repeat(64)] {
            assert!(check_name("resource.name", bad).is_err(), "{bad}");
        }
    }
}
