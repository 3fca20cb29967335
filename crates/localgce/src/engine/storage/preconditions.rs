//! Preconditions of requests on objects and buckets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// Query parameters. An object that does not exist has generation 0.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "Google's words")]
pub struct Preconditions {
    if_generation_match: Option<u64>,
    if_generation_not_match: Option<u64>,
    if_metageneration_match: Option<u64>,
    if_metageneration_not_match: Option<u64>,
}

impl Preconditions {
    /// Requires a generation, as for one source among several.
    pub fn generation(wanted: Option<u64>) -> Self {
        Self {
            if_generation_match: wanted,
            ..Self::default()
        }
    }

    /// Fails with 412 unless they hold for the present object.
    pub fn check(&self, present: Option<&Value>) -> Result<(), Error> {
        let number = |field: &str| {
            let text = present.and_then(|present| present[field].as_str());
            text.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let (generation, metageneration) = (number("generation"), number("metageneration"));
        let same = |wanted: Option<u64>, number: u64| wanted.is_none_or(|wanted| wanted == number);
        let other = |wanted: Option<u64>, number: u64| wanted.is_none_or(|wanted| wanted != number);
        let hold = same(self.if_generation_match, generation)
            && other(self.if_generation_not_match, generation)
            && same(self.if_metageneration_match, metageneration)
            && other(self.if_metageneration_not_match, metageneration);
        if hold {
            return Ok(());
        }
        Err(Error::condition(
            "At least one of the pre-conditions you specified did not hold.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::Preconditions;
    use serde_json::json;

    #[test]
    fn generations_match_or_are_refused() {
        let there = json!({"generation": "5", "metageneration": "2"});
        let holds = |query: serde_json::Value, there| {
            let query: Preconditions = serde_json::from_value(query).unwrap();
            query.check(there).is_ok()
        };
        assert!(holds(json!({}), None));
        assert!(holds(json!({"ifGenerationMatch": 5}), Some(&there)));
        assert!(!holds(json!({"ifGenerationMatch": 4}), Some(&there)));
        assert!(holds(json!({"ifGenerationMatch": 0}), None));
        assert!(!holds(json!({"ifGenerationMatch": 0}), Some(&there)));
        assert!(!holds(json!({"ifGenerationNotMatch": 5}), Some(&there)));
        assert!(!holds(json!({"ifMetagenerationMatch": 1}), Some(&there)));
        assert!(!holds(json!({"ifMetagenerationNotMatch": 2}), Some(&there)));
    }
}
