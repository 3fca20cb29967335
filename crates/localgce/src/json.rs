//! JSON as Google writes it, and its values that more than one API has.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::Error;

/// Labels, annotations and the like.
pub type StringMap = BTreeMap<String, String>;

/// Reads a value as a request's type: a field that the type does not have is refused.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::malformed(explain(&error.to_string())))
}

/// Serde's words quote the value, and that may be a secret: only what is known to be none is kept.
fn explain(error: &str) -> String {
    let named = |start: &str| {
        error
            .strip_prefix(start)?
            .split_once('`')
            .map(|(name, _)| name)
    };
    let why = if let Some(name) = named("unknown field `") {
        format!("Unknown name \"{name}\": Cannot find field.")
    } else if let Some(name) = named("missing field `") {
        format!("Required field \"{name}\" is missing.")
    } else {
        let expected = error
            .rsplit_once("expected ")
            .map_or("another type", |(_, rest)| rest);
        format!("Invalid value, expected {expected}.")
    };
    format!("Invalid JSON payload received. {why}")
}

/// A field of a body, empty where there is none.
pub fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

/// JSON without its nulls, which Google leaves out.
pub fn prune(mut value: Value) -> Value {
    fn prune_in_place(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|_, field| !field.is_null());
                fields.values_mut().for_each(prune_in_place);
            }
            Value::Array(items) => items.iter_mut().for_each(prune_in_place),
            _ => {}
        }
    }
    prune_in_place(&mut value);
    value
}

/// A key of the client's that something is encrypted with. It is named, and never seen.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptionKey {
    /// `projects/P/locations/L/keyRings/R/cryptoKeys/K`.
    pub kms_key_name: String,
    /// Whose permission to use it counts.
    pub kms_key_service_account: Option<String>,
}

/// A 64-bit number, which JSON carries as a string; a plain number is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int64(pub u64);

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("invalid value {value}, expected an int64")))
    }
}

impl Serialize for Int64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
