//! Who wrote a state last.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};

use super::disk::relabel;
use crate::labels;
use crate::release::{Schema, Version};
use crate::run::Run;

/// The release that wrote a state last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its version.
    pub version: Version,
    /// The versions of its databases, where it names any.
    pub schema: Option<Schema>,
}

/// What the labels of a state disk or of a snapshot say about who wrote it last.
///
/// # Errors
/// If they say something that cannot be read: nobody may take that for nothing.
pub fn written(labels: &BTreeMap<String, String>) -> Result<Option<Written>> {
    let Some(version) = labels.get(labels::GATEWAY) else {
        return Ok(None);
    };
    let version = Version::of_label(version)
        .with_context(|| format!("the label {}={version} names no version", labels::GATEWAY))?;
    let schema = labels.get(labels::SCHEMA);
    let schema = schema.map(|text| {
        text.parse()
            .map_err(|_| anyhow!("the label {}={text} is no pair of versions", labels::SCHEMA))
    });
    Ok(Some(Written {
        version,
        schema: schema.transpose()?,
    }))
}

/// Writes on the state disk who writes it from now on: to be called before a VM of that version is
/// started.
pub async fn record(run: &Run, version: Version, schema: Option<Schema>) -> Result<()> {
    relabel(run, |labels| {
        labels.insert(labels::GATEWAY.to_owned(), version.label());
        match schema {
            Some(schema) => labels.insert(labels::SCHEMA.to_owned(), schema.label()),
            None => labels.remove(labels::SCHEMA),
        };
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        let read = |pairs: &[(&str, &str)]| {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            written(&pairs.iter().map(owned).collect())
        };
        assert_eq!(read(&[]).unwrap(), None);
        let (version, schema) = (labels::GATEWAY, labels::SCHEMA);
        let old = read(&[(version, "2026-1-24-3")]).unwrap().unwrap();
        assert_eq!(old.version, "2026.1.24-3".parse().unwrap());
        assert_eq!(old.schema, None);
        let new = read(&[(version, "2026-9-6"), (schema, "18-23")]).unwrap();
        let schema_read = new.unwrap().schema.unwrap();
        assert_eq!((schema_read.state, schema_read.agent), (18, 23));
        for bad in [
            &[(version, "newest")][..],
            &[(version, "2026-9-6"), (schema, "18")],
            &[(version, "2026-9-6"), (schema, "")],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
