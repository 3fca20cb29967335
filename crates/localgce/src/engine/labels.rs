//! Labels.

use serde_json::{Value, json};

use super::records::fingerprint;
use crate::error::Error;
use crate::json::StringMap;

/// Label values by key.
pub type Labels = StringMap;

/// Google's limit: <https://cloud.google.com/compute/docs/labeling-resources>.
const MOST: usize = 64;

/// Refuses labels that Google refuses.
pub fn check(labels: Option<&Labels>) -> Result<(), Error> {
    let count = labels.map_or(0, Labels::len);
    if count > MOST {
        return Err(Error::field(
            "resource.labels",
            &count.to_string(),
            "A resource has up to 64 labels.",
        ));
    }
    let part = |c: char| c.is_lowercase() || c.is_numeric() || c == '_' || c == '-';
    for (key, value) in labels.into_iter().flatten() {
        let good = key.starts_with(char::is_lowercase)
            && [key, value]
                .iter()
                .all(|text| text.chars().count() <= 63 && text.chars().all(part));
        if !good {
            return Err(Error::field(
                "resource.labels",
                &format!("{key}: {value}"),
                "Label keys and values have up to 63 lower-case letters, digits, underscores and \
                 dashes; keys begin with a letter.",
            ));
        }
    }
    Ok(())
}

/// Gives a body its labels and their fingerprint.
pub fn set(body: &mut Value, labels: &Labels) {
    let labels = json!(labels);
    body["labelFingerprint"] = fingerprint(&labels).into();
    body["labels"] = labels;
}
