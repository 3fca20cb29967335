//! Request bodies: JSON of exactly the fields that a request has.

use std::collections::BTreeMap;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::auth::is_grpc;
use crate::error::{Error, Status};

/// Bytes above what any request needs: all metadata of an instance has at most 512 KiB.
pub const LIMIT: usize = 4 << 20;

/// Labels, annotations and the like.
pub type StringMap = BTreeMap<String, String>;

/// A request's JSON body; an empty one counts as `{}`.
pub struct Body<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let grpc = is_grpc(&request);
        read(request).await.map(Self).map_err(|error| {
            if grpc {
                Status(error).into_response()
            } else {
                error.into_response()
            }
        })
    }
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Error> {
    let bytes = to_bytes(request.into_body(), LIMIT)
        .await
        .map_err(|error| Error::malformed(format!("reading the request: {error}")))?;
    parse(if bytes.is_empty() { b"{}" } else { &bytes })
}

/// Reads a request as Google does: a field that it does not have is refused.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let mut value: Value = serde_json::from_slice(text)
        .map_err(|error| Error::malformed(format!("Invalid JSON payload received. {error}")))?;
    drop_kinds(&mut value);
    typed(value)
}

/// A body whose type depends on the method, as strictly.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::malformed(explain(&error.to_string())))
}

/// `kind` says what is plain from the request, so it is allowed everywhere, and not kept.
fn drop_kinds(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_kind = |kind: &Value| kind.as_str().is_some_and(|kind| kind.contains('#'));
            if fields.get("kind").is_some_and(is_kind) {
                fields.shift_remove("kind");
            }
            fields.values_mut().for_each(drop_kinds);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_kinds),
        _ => {}
    }
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

/// A flag in a query: Google's Python programs write `True`.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.to_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(D::Error::custom("expected true or false")),
    }
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

#[cfg(test)]
mod tests {
    use super::{Int64, parse};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        size: Int64,
    }

    #[test]
    fn bodies_are_strict_and_their_errors_discreet() {
        let refusal = |text: &str| parse::<Request>(text.as_bytes()).unwrap_err().message;
        assert_eq!(
            parse::<Request>(b"{\"size\":\"7\"}").unwrap().size,
            Int64(7)
        );
        assert_eq!(
            parse::<Request>(b"{\"size\":7,\"kind\":\"a#b\"}")
                .unwrap()
                .size,
            Int64(7)
        );
        assert!(
            refusal("{\"size\":7,\"sise\":1}")
                .ends_with("Unknown name \"sise\": Cannot find field.")
        );
        assert!(refusal("{}").ends_with("Required field \"size\" is missing."));
        assert!(refusal("{\"size\":\"hunter2\"}").ends_with("Invalid value, expected an int64."));
    }
}
