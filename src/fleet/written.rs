//! Which release wrote a state last, and whether another may follow it (pure).

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, anyhow};

use crate::labels::{GATEWAY, SCHEMA};
use crate::release::{Schema, Version};

/// A release as far as its state is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Written {
    /// Its version.
    pub version: Version,
    /// The versions of its databases, where it names any.
    pub schema: Option<Schema>,
}

impl Written {
    /// What the labels of an image, a template, a state disk or a snapshot say, if they say anything.
    ///
    /// # Errors
    /// If what they say cannot be read: nobody may take that for nothing.
    pub fn of(labels: &BTreeMap<String, String>) -> Result<Option<Self>> {
        let Some(version) = labels.get(GATEWAY) else {
            return Ok(None);
        };
        let version = Version::of_label(version)
            .with_context(|| format!("the label {GATEWAY}={version} names no version"))?;
        let schema = labels.get(SCHEMA).map(|text| {
            text.parse()
                .map_err(|_| anyhow!("the label {SCHEMA}={text} is no pair of versions"))
        });
        Ok(Some(Self {
            version,
            schema: schema.transpose()?,
        }))
    }

    /// Puts this into labels, in place of what they said before.
    pub fn write(&self, labels: &mut BTreeMap<String, String>) {
        labels.insert(GATEWAY.to_owned(), self.version.label());
        match self.schema {
            Some(schema) => labels.insert(SCHEMA.to_owned(), schema.label()),
            None => labels.remove(SCHEMA),
        };
    }

    /// Whether this release may run on what `before` wrote. Where both name a schema, neither part may be
    /// lower; otherwise the version may not.
    #[must_use]
    pub fn may_follow(&self, before: &Self) -> bool {
        match (self.schema, before.schema) {
            (Some(own), Some(other)) => own.at_least(other),
            _ => self.version >= before.version,
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.version)?;
        match self.schema {
            Some(schema) => write!(f, " (schema {schema})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        pairs.iter().map(owned).collect()
    }

    fn written(version: &str, schema: Option<&str>) -> Written {
        Written {
            version: version.parse().unwrap(),
            schema: schema.map(|text| text.parse().unwrap()),
        }
    }

    #[test]
    fn labels_say_what_was_written_into_them() {
        for own in [
            written("2026.9.6", Some("18-23")),
            written("2026.1.24-3", None),
        ] {
            let mut held = labels(&[("a", "b"), (GATEWAY, "2026-1-1"), (SCHEMA, "1-1")]);
            own.write(&mut held);
            assert_eq!(Written::of(&held).unwrap(), Some(own));
            assert_eq!(held["a"], "b");
        }
        assert_eq!(Written::of(&labels(&[("a", "b")])).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        for pairs in [
            vec![(GATEWAY, "newest")],
            vec![(GATEWAY, "2026-9-6"), (SCHEMA, "18")],
        ] {
            Written::of(&labels(&pairs)).unwrap_err();
        }
    }

    #[test]
    fn a_schema_decides_where_both_name_one_and_the_version_where_not() {
        let may = |own: (&str, Option<&str>), before: (&str, Option<&str>)| {
            written(own.0, own.1).may_follow(&written(before.0, before.1))
        };
        let (older, newer) = (("2026.9.5", Some("17-21")), ("2026.9.6", Some("18-23")));
        assert!(may(newer, older) && may(newer, newer));
        assert!(!may(older, newer));
        // An older release that writes the same.
        assert!(may(("2026.9.5", Some("18-23")), newer));
        assert!(!may(("2026.1.30", None), newer));
        assert!(may(newer, ("2026.1.30", None)));
        assert!(!may(("2026.7.33", None), ("2026.9.1", None)));
    }
}
