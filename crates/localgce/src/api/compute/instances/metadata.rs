//! Metadata of instances.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};

use super::request::Metadata;
use crate::api::body::Body;
use crate::api::compute::place::{Answer, Place, RequestId};
use crate::engine::records::{fingerprint, get};
use crate::engine::{Engine, work};
use crate::error::Error;
use crate::key::Kind;
use crate::store::resources;

/// Google's limits, in bytes: of one value, and of all keys and values.
const VALUE_LIMIT: usize = 256 << 10;
const TOTAL_LIMIT: usize = 512 << 10;

pub async fn set_metadata(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(metadata): Body<Metadata>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    check(&metadata)?;
    engine
        .mutate(&request_id.mutation("setMetadata", &key), |tx| {
            let instance = get(tx, &key)?;
            if instance["metadata"]["fingerprint"].as_str() != metadata.fingerprint.as_deref() {
                return Err(Error::fingerprint("metadata"));
            }
            resources::update(tx, &key, |instance| instance["metadata"] = body(&metadata))?;
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move { engine.publish_metadata(&key) })
        })
        .map(Json)
}

/// Refuses metadata that Google would.
pub fn check(metadata: &Metadata) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut total = 0;
    for item in &metadata.items {
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
pub fn body(metadata: &Metadata) -> Value {
    let items = json!(metadata.items);
    let mut body = json!({"kind": "compute#metadata", "fingerprint": fingerprint(&items)});
    if !metadata.items.is_empty() {
        body["items"] = items;
    }
    body
}

#[cfg(test)]
mod tests {
    use super::{Metadata, check};
    use serde_json::json;

    #[test]
    fn metadata_as_google_takes_it() {
        let refusal = |items| {
            let metadata: Metadata = serde_json::from_value(json!({"items": items})).unwrap();
            check(&metadata).err().map(|error| error.message)
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
