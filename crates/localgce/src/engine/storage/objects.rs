use rusqlite::Connection;
use serde_json::Value;

use super::buckets;
use crate::error::Error;
use crate::store::objects::{self as store, Object};

/// What a client may say of an object besides its content, and is kept as it is.
pub const KEPT: [&str; 6] = [
    "contentEncoding",
    "contentDisposition",
    "contentLanguage",
    "cacheControl",
    "customTime",
    "metadata",
];

/// An object, of this generation if one is given, or Google's refusal if there is no such object.
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

/// A field of an object, if it says anything.
pub fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body[field].as_str().filter(|text| !text.is_empty())
}
