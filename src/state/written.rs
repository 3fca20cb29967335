//! Who wrote a state last.

use std::collections::BTreeMap;

use anyhow::Result;

use super::disk::relabel;
use crate::fleet::Written;
use crate::release::{Schema, Version};
use crate::run::Run;

/// What the labels of a state disk or of a snapshot say about who wrote it last.
///
/// # Errors
/// If they say something that cannot be read: nobody may take that for nothing.
pub fn written(labels: &BTreeMap<String, String>) -> Result<Option<Written>> {
    Written::of(labels)
}

/// Writes on the state disk who writes it from now on: to be called before a VM of that version is
/// started.
pub async fn record(run: &Run, version: Version, schema: Option<Schema>) -> Result<()> {
    relabel(run, |labels| {
        Written { version, schema }.write(labels);
        Ok(())
    })
    .await
}
