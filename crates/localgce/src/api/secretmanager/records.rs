//! What secrets and their versions have in common.

use rusqlite::Connection;
use serde_json::Value;

use super::super::list::Page;
use crate::error::Error;
use crate::store::secrets as store;

/// Refuses a change of what the client has not seen.
pub fn seen(body: &Value, etag: Option<&str>) -> Result<(), Error> {
    match etag.filter(|etag| !etag.is_empty()) {
        Some(etag) if body["etag"] != etag => Err(Error::precondition(
            "The etag provided in the request does not match the resource's current etag.",
        )),
        _ => Ok(()),
    }
}

/// The secret, for one who may know.
pub fn find(tx: &Connection, name: &str) -> Result<store::Secret, Error> {
    store::get(tx, name)?.ok_or_else(|| Error::missing(format!("Secret [{name}] not found.")))
}

/// A page, with the number of all.
pub fn listing(name: &str, total: usize, page: Page) -> Value {
    let mut list = page.body(name);
    list["totalSize"] = total.into();
    list
}

/// The body with an etag that changes with everything else in it.
pub fn with_etag(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.shift_remove("etag");
    }
    let hash = crc32c::crc32c(body.to_string().as_bytes());
    body["etag"] = format!("\"{hash:08x}\"").into();
    body
}
