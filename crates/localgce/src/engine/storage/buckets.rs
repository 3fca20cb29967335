use rusqlite::Connection;
use serde_json::Value;

use crate::error::Error;
use crate::store::objects as store;

/// A bucket, or Google's error if it does not exist.
pub fn find(tx: &Connection, name: &str) -> Result<Value, Error> {
    store::bucket(tx, name)?.ok_or_else(|| Error::missing("The specified bucket does not exist."))
}
