//! The fields of an instance that can be asked for.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::body::{EncryptionKey, Int64, prune};
use crate::engine::labels::Labels;
use crate::error::Error;

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
pub struct Metadata {
    #[serde(default)]
    pub items: Vec<Item>,
    pub fingerprint: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tags {
    #[serde(default)]
    pub items: Vec<String>,
    pub fingerprint: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scheduling {
    pub automatic_restart: Option<bool>,
    pub on_host_maintenance: Option<String>,
    pub preemptible: Option<bool>,
    pub provisioning_model: Option<String>,
    pub instance_termination_action: Option<TerminationAction>,
    pub max_run_duration: Option<Duration>,
    pub termination_time: Option<String>,
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub enum TerminationAction {
    Stop,
    Delete,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Duration {
    pub seconds: Int64,
    pub nanos: Option<u32>,
}

/// Google's limits of a run, in seconds.
const SHORTEST_RUN: u64 = 30;
const LONGEST_RUN: u64 = 120 * 24 * 3600;

impl Scheduling {
    /// Refuses what Google would.
    pub fn check(&self) -> Result<(), Error> {
        if self.max_run_duration.is_some() && self.termination_time.is_some() {
            return Err(Error::invalid(
                "At most one of fields maxRunDuration and terminationTime can be specified.",
            ));
        }
        match &self.max_run_duration {
            Some(run) if !(SHORTEST_RUN..=LONGEST_RUN).contains(&run.seconds.0) => {
                Err(Error::field(
                    "resource.scheduling.maxRunDuration",
                    &run.seconds.0.to_string(),
                    &format!("Must be between {SHORTEST_RUN} and {LONGEST_RUN} seconds."),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Scheduling as an instance shows it.
    pub fn body(&self) -> Value {
        let preemptible = self.preemptible.unwrap_or(false);
        let maintenance = if preemptible { "TERMINATE" } else { "MIGRATE" };
        prune(json!({
            "automaticRestart": self.automatic_restart.unwrap_or(!preemptible),
            "onHostMaintenance": self.on_host_maintenance.as_deref().unwrap_or(maintenance),
            "preemptible": preemptible,
            "provisioningModel": self.provisioning_model.as_deref().unwrap_or("STANDARD"),
            "instanceTerminationAction": self.instance_termination_action,
            "maxRunDuration": self.max_run_duration,
            "terminationTime": self.termination_time,
        }))
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
