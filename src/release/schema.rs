use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::document::Refusal;

/// Versions of the two database schemas that a release writes: what is in npm's metadata since 2026.7.2-beta.3.
///
/// Two of them need not compare: 2026.9.1-beta.1 has an older state and an older agent schema than
/// releases before it, and another release could have one of each. So there is no order, only
/// [`Schema::at_least`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Schema {
    /// Of the state's database.
    pub state: u32,
    /// Of the agents' databases.
    pub agent: u32,
}

impl Schema {
    /// Whether a release with this schema reads what one with the `other` has written: neither is lower.
    #[must_use]
    pub fn at_least(self, other: Self) -> bool {
        self.state >= other.state && self.agent >= other.agent
    }

    /// As a label's value: `18-23`.
    #[must_use]
    pub fn label(self) -> String {
        format!("{}-{}", self.state, self.agent)
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.state, self.agent)
    }
}

impl FromStr for Schema {
    type Err = Refusal;

    /// Reads a label's value.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let parse = || {
            let (state, agent) = text.split_once('-')?;
            let schema = Self {
                state: state.parse().ok()?,
                agent: agent.parse().ok()?,
            };
            (schema.label() == text).then_some(schema)
        };
        parse().ok_or_else(|| {
            Refusal::new(
                format!("`{text}` is not a pair of schema versions"),
                "STATE-AGENT, such as 18-23",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_number_may_be_lower() {
        let schema = |state, agent| Schema { state, agent };
        assert!(schema(18, 23).at_least(schema(18, 23)));
        assert!(schema(18, 23).at_least(schema(17, 21)));
        assert!(!schema(17, 21).at_least(schema(18, 21)));
        // Neither reads what the other has written.
        assert!(!schema(17, 24).at_least(schema(18, 23)));
        assert!(!schema(18, 23).at_least(schema(17, 24)));
    }

    #[test]
    fn a_label_is_read_back() {
        let schema = Schema {
            state: 18,
            agent: 23,
        };
        assert_eq!(schema.label().parse(), Ok(schema));
        for text in ["", "18", "18-", "18-23-1", "018-23", "+18-23", "18/23"] {
            assert!(text.parse::<Schema>().is_err(), "{text} was accepted");
        }
    }
}
