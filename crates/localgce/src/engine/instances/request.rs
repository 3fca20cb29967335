//! The fields of an instance that can be asked for.

// The fields have Google's names.
#![allow(clippy::struct_field_names)]

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::metadata::Metadata;
use super::scheduling::Scheduling;
use crate::engine::labels::Labels;
use crate::engine::records::fingerprint;
use crate::json::{EncryptionKey, Int64};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    // Read before the template is looked at.
    #[serde(rename = "name")]
    _name: Option<String>,
    pub description: Option<String>,
    pub hostname: Option<String>,
    pub machine_type: Option<String>,
    #[serde(default)]
    pub disks: Vec<AttachedDisk>,
    #[serde(default)]
    pub network_interfaces: Vec<NetworkInterface>,
    #[serde(default)]
    pub service_accounts: Vec<ServiceAccount>,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub tags: Tags,
    pub labels: Option<Labels>,
    #[serde(default)]
    pub scheduling: Scheduling,
    pub shielded_instance_config: Option<ShieldedInstanceConfig>,
    pub confidential_instance_config: Option<ConfidentialInstanceConfig>,
    pub display_device: Option<DisplayDevice>,
    pub reservation_affinity: Option<ReservationAffinity>,
    #[serde(default)]
    pub can_ip_forward: bool,
    #[serde(default)]
    pub deletion_protection: bool,
    pub key_revocation_action_type: Option<String>,
    pub min_cpu_platform: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttachedDisk {
    #[serde(default)]
    pub auto_delete: bool,
    #[serde(default)]
    pub boot: bool,
    pub device_name: Option<String>,
    pub disk_encryption_key: Option<EncryptionKey>,
    pub disk_size_gb: Option<Int64>,
    pub initialize_params: Option<InitializeParams>,
    pub interface: Option<String>,
    pub mode: Option<String>,
    pub source: Option<String>,
    #[serde(rename = "type")]
    pub disk_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitializeParams {
    pub description: Option<String>,
    pub disk_name: Option<String>,
    pub disk_size_gb: Option<Int64>,
    pub disk_type: Option<String>,
    pub labels: Option<Labels>,
    pub resource_policies: Option<Vec<String>>,
    pub source_image: Option<String>,
    pub source_snapshot: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkInterface {
    #[serde(default)]
    pub access_configs: Vec<AccessConfig>,
    pub network: Option<String>,
    pub subnetwork: Option<String>,
    pub nic_type: Option<String>,
    pub stack_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessConfig {
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub config_type: Option<String>,
    pub network_tier: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccount {
    pub email: String,
    #[serde(default)]
    pub scopes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tags {
    #[serde(default)]
    pub items: Vec<String>,
    pub fingerprint: Option<String>,
}

impl Tags {
    /// Tags as an instance shows them.
    pub fn body(&self) -> Value {
        let items = json!(self.items);
        let mut body = json!({"fingerprint": fingerprint(&items)});
        if !self.items.is_empty() {
            body["items"] = items;
        }
        body
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShieldedInstanceConfig {
    pub enable_secure_boot: Option<bool>,
    pub enable_vtpm: Option<bool>,
    pub enable_integrity_monitoring: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfidentialInstanceConfig {
    pub enable_confidential_compute: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisplayDevice {
    pub enable_display: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReservationAffinity {
    pub consume_reservation_type: Option<String>,
}
