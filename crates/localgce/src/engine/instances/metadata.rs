//! Metadata of instances.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::records::fingerprint;
use crate::error::Error;

/// Google's limits, in bytes: of one value, and of all keys and values.
const VALUE_LIMIT: usize = 256 << 10;
const TOTAL_LIMIT: usize = 512 << 10;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    #[serde(default)]
    pub items: Vec<Item>,
    pub fingerprint: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

impl Metadata {
    /// Refuses what Google would.
    pub fn check(&self) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let mut total = 0;
        for item in &self.items {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let field = |why| Error::field("metadata.items[].key", &item.key, why);
            if item.key.is_empty() || item.key.len() > 127 || !item.key.chars().all(good) {
                return Err(field("Must be a match of regex '[a-zA-Z0-9-_]{1,127}'"));
            }
            if !seen.insert(&item.key) {
                return Err(field("Metadata has duplicate key"));
            }
            // Not the value itself: an error travels far.
            if item.value.len() > VALUE_LIMIT {
                return Err(field("Value is larger than 262144 bytes"));
            }
            total += item.key.len() + item.value.len();
        }
        if total > TOTAL_LIMIT {
            let size = total.to_string();
            return Err(Error::field(
                "metadata",
                &size,
                "Total size is larger than 524288 bytes",
            ));
        }
        Ok(())
    }

    /// Metadata as an instance shows it.
    pub fn body(&self) -> Value {
        let items = json!(self.items);
        let mut body = json!({"kind": "compute#metadata", "fingerprint": fingerprint(&items)});
        if !self.items.is_empty() {
            body["items"] = items;
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::Metadata;
    use serde_json::json;

    #[test]
    fn metadata_as_google_takes_it() {
        let refusal = |items| {
            let metadata: Metadata = serde_json::from_value(json!({"items": items})).unwrap();
            metadata.check().err().map(|error| error.message)
        };
        let item = |key: &str, size: usize| json!({"key": key, "value": "x".repeat(size)});
        assert_eq!(refusal(json!([item("user-data", 262_144)])), None);
        let big = refusal(json!([item("user-data", 262_145)])).unwrap();
        assert!(
            big.contains("262144 bytes") && !big.contains("xxx"),
            "{big}"
        );
        assert!(refusal(json!([item("a b", 1)])).unwrap().contains("regex"));
        assert!(
            refusal(json!([item("a", 1), item("a", 1)]))
                .unwrap()
                .contains("duplicate")
        );
        let three = json!([item("a", 262_144), item("b", 262_144), item("c", 1)]);
        assert!(refusal(three).unwrap().contains("Total"));
    }
}
