//! What an instance template says of its VMs.

use anyhow::{Context, Result};
use gce::InstanceTemplate;

use crate::fleet::Written;
use crate::labels::IMAGE;

/// Name of a template's image.
pub(super) fn image_name(template: &InstanceTemplate) -> Option<&str> {
    let labels = template.properties.as_ref().map(|it| &it.labels);
    labels?.get(IMAGE).map(String::as_str)
}

/// A template's name.
pub(super) fn name(template: &InstanceTemplate) -> Result<String> {
    template.name.clone().context("a template has no name")
}

/// The release in a template's image.
pub(super) fn release(template: &InstanceTemplate) -> Result<Option<Written>> {
    match &template.properties {
        Some(properties) => Written::of(&properties.labels),
        None => Ok(None),
    }
}
