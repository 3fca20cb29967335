//! Request bodies: JSON of exactly the fields that a request has.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::Error;
pub use crate::json::{Int64, StringMap, prune, typed};

/// Bytes above what any request needs: all metadata of an instance has at most 512 KiB.
pub const LIMIT: usize = 4 << 20;

/// How deep a body may nest, as Google's reader of JSON has it; above what the engine wraps around a
/// part that it keeps, serde's own limit of 128 is still met when it is read again.
const DEEPEST: usize = 100;

/// Values of a body, above what the longest policy has: each takes many times its one letter in memory.
const MOST_VALUES: usize = 50_000;

/// Reads a request as Google does: a field that it does not have is refused.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    measure(text)?;
    let mut value: Value = serde_json::from_slice(text)
        .map_err(|error| Error::malformed(format!("Invalid JSON payload received. {error}")))?;
    drop_kinds(&mut value);
    typed(value)
}

/// Refuses what would be too deep or too large, before it is read.
pub fn measure(text: &[u8]) -> Result<(), Error> {
    let refuse = |why| Error::malformed(format!("Invalid JSON payload received. {why}"));
    let (mut depth, mut values) = (0_usize, 1_usize);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                while let Some(inner) = bytes.next().filter(|inner| **inner != b'"') {
                    if *inner == b'\\' {
                        bytes.next();
                    }
                }
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > DEEPEST {
            return Err(refuse("Message too deep."));
        }
        if values > MOST_VALUES {
            return Err(refuse("Message has too many values."));
        }
    }
    Ok(())
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

/// A flag in a query: Google's Python programs write `True`.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.to_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(D::Error::custom("expected true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::{DEEPEST, Int64, LIMIT, MOST_VALUES, parse};
    use serde::Deserialize;
    use serde_json::Value;

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

    #[test]
    fn a_body_is_measured_before_it_is_read() {
        let list = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse::<Value>(list(DEEPEST).as_bytes()).is_ok());
        let quoted = format!("{{\"size\": \"\\\"{}\"}}", list(200));
        assert!(parse::<Value>(quoted.as_bytes()).is_ok());
        let many = |count: usize| format!("[{}0]", "0,".repeat(count));
        for text in [
            list(DEEPEST + 1),
            "[".repeat(LIMIT),
            "{\"a\":".repeat(LIMIT / 5),
            many(MOST_VALUES),
        ] {
            let refused = parse::<Value>(text.as_bytes()).unwrap_err();
            assert!(refused.message.contains("Message"), "{}", refused.message);
        }
    }
}
