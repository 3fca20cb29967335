use rusqlite::Connection;
use serde_json::Value;

use super::buckets;
use crate::error::Error;
use crate::store::objects::{self as store, Object};

/// Fields that a client may set on an object, and that are stored unchanged.
pub const KEPT: [&str; 6] = [
    "contentEncoding",
    "contentDisposition",
    "contentLanguage",
    "cacheControl",
    "customTime",
    "metadata",
];

/// An object, of this generation if given, or Google's error if it does not exist.
pub fn find(
    tx: &Connection,
    bucket: &str,
    name: &str,
    generation: Option<u64>,
) -> Result<Object, Error> {
    buckets::find(tx, bucket)?;
    store::get(tx, bucket, name)?
        .filter(|object| generation.is_none_or(|wanted| wanted == object.generation))
        .ok_or_else(|| Error::missing(format!("No such object: {bucket}/{name}")))
}

/// A text field of an object, unless it is empty.
pub fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body[field].as_str().filter(|text| !text.is_empty())
}
