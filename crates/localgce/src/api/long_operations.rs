//! Operations of Service Usage and Resource Manager. What they do is done when they are first
//! answered, and yet the first answer is that they are under way: a client that does not ask again
//! is wrong on Google, and finds out here.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::call::Call;
use crate::error::Error;
use crate::store::{long_operations as store, new_id};

/// The operation in the path.
pub fn get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let name = format!("operations/{}", call.name());
    let operation = store::get(tx, &name)?;
    operation.ok_or_else(|| Error::missing(format!("Operation {name} not found.")))
}

/// Writes down an operation that ends with `response`, and returns its first answer. `prefix` is
/// how the API begins names: `cp`, `acat`. Both have their `@type`.
pub fn start(
    tx: &Connection,
    prefix: &str,
    metadata: &Value,
    response: &Value,
) -> Result<Value, Error> {
    let name = format!("operations/{prefix}.{}", new_id());
    let done = json!({"name": name, "metadata": metadata, "done": true, "response": response});
    store::insert(tx, &name, &done)?;
    Ok(json!({"name": name, "metadata": metadata}))
}
