//! Requests about images.

// The fields have Google's names.
#![allow(clippy::struct_field_names)]

use serde::{Deserialize, Serialize};

use crate::engine::labels::Labels;
use crate::json::EncryptionKey;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    // Already read, as part of the key.
    #[serde(default, rename = "name")]
    pub _name: String,
    pub description: Option<String>,
    pub family: Option<String>,
    pub labels: Option<Labels>,
    pub raw_disk: Option<RawDisk>,
    pub source_disk: Option<String>,
    pub source_image: Option<String>,
    pub source_type: Option<String>,
    pub guest_os_features: Option<Vec<GuestOsFeature>>,
    pub architecture: Option<String>,
    pub licenses: Option<Vec<String>>,
    pub storage_locations: Option<Vec<String>>,
    pub image_encryption_key: Option<EncryptionKey>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawDisk {
    #[serde(skip_serializing)]
    pub source: String,
    pub container_type: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GuestOsFeature {
    #[serde(rename = "type")]
    pub feature: String,
}

/// The fields of an image that a client can change.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Patch {
    pub family: Option<String>,
    pub description: Option<String>,
    pub deprecated: Option<DeprecationStatus>,
    pub labels: Option<Labels>,
    pub label_fingerprint: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeprecationStatus {
    pub state: Option<Deprecation>,
    pub replacement: Option<String>,
    pub deprecated: Option<String>,
    pub obsolete: Option<String>,
    pub deleted: Option<String>,
}

#[derive(Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub enum Deprecation {
    Active,
    Deprecated,
    Obsolete,
    Deleted,
}
