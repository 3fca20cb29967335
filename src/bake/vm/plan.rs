//! The builder VM, from a recipe and a cloud (pure).

use std::collections::BTreeMap;

use gce::{
    AccessConfig, AttachedDisk, Duration, InitializeParams, Instance, Metadata, MetadataItem,
    NetworkInterface, Scheduling, ServiceAccount, ShieldedInstanceConfig,
};

use crate::bake::RECIPE_LABEL;
use crate::image::kit;
use crate::recipe::Recipe;

/// Where Google publishes Debian.
pub(super) const BASE_PROJECT: &str = "debian-cloud";
/// Room for the container's tools, its layers and its archive, in GB.
const SCRATCH_GB: u64 = 30;
/// How much later than the client Compute Engine itself ends the VM, in seconds: a client that lives
/// gives its own message, one that died leaves nothing that costs.
const GRACE: u64 = 10 * 60;

/// What one bake's builder VM is made from.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub recipe: &'a Recipe,
    pub zone: &'a str,
    /// Partial URL of the network.
    pub network: &'a str,
    /// Partial URL of the subnetwork, if it is not the network's own in the region.
    pub subnetwork: Option<&'a str>,
    /// Name of the instance and of its boot disk: unique to the run.
    pub name: &'a str,
    /// The run's, on everything that it creates.
    pub label: (String, String),
    /// selfLink of the base's image.
    pub base: &'a str,
    /// The packed kit.
    pub kit: String,
    /// What the VM's reports must carry.
    pub nonce: &'a str,
}

impl Builder<'_> {
    /// The instance.
    pub(super) fn instance(self) -> Instance {
        let (zone, builder) = (self.zone, &self.recipe.builder);
        let external = AccessConfig {
            name: Some("External NAT".into()),
            r#type: Some("ONE_TO_ONE_NAT".into()),
            ..AccessConfig::default()
        };
        let account = |email: &str| ServiceAccount {
            email: Some(email.to_owned()),
            scopes: vec!["https://www.googleapis.com/auth/cloud-platform".into()],
        };
        Instance {
            name: Some(self.name.to_owned()),
            description: Some(format!("bakes an image of {}", self.recipe.family)),
            machine_type: Some(format!(
                "zones/{zone}/machineTypes/{}",
                builder.machine_type
            )),
            labels: self.labels(),
            disks: self.disks(),
            network_interfaces: vec![NetworkInterface {
                network: Some(self.network.to_owned()),
                subnetwork: self.subnetwork.map(str::to_owned),
                access_configs: builder
                    .external_ip
                    .then_some(external)
                    .into_iter()
                    .collect(),
            }],
            service_accounts: builder
                .service_account
                .as_deref()
                .map(account)
                .into_iter()
                .collect(),
            shielded_instance_config: Some(ShieldedInstanceConfig {
                enable_secure_boot: Some(true),
                enable_vtpm: Some(true),
                enable_integrity_monitoring: Some(true),
            }),
            scheduling: Some(Scheduling {
                // A bake that lost its machine begins anew.
                automatic_restart: Some(false),
                instance_termination_action: Some("DELETE".into()),
                max_run_duration: Some(Duration {
                    seconds: Some(u64::from(builder.deadline_minutes) * 60 + GRACE),
                }),
                ..Scheduling::default()
            }),
            metadata: Some(self.metadata()),
            ..Instance::default()
        }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let recipe = self.recipe.name.to_string();
        BTreeMap::from([self.label.clone(), (RECIPE_LABEL.to_owned(), recipe)])
    }

    /// The boot disk, which outlives the VM because the image is made of it, and the scratch disk.
    fn disks(&self) -> Vec<AttachedDisk> {
        let params = |name: String, size_gb: u64| InitializeParams {
            disk_name: Some(name),
            disk_size_gb: Some(size_gb),
            disk_type: Some(format!("zones/{}/diskTypes/pd-balanced", self.zone)),
            labels: self.labels(),
            ..InitializeParams::default()
        };
        vec![
            AttachedDisk {
                boot: Some(true),
                auto_delete: Some(false),
                initialize_params: Some(InitializeParams {
                    source_image: Some(self.base.to_owned()),
                    ..params(self.name.to_owned(), self.recipe.disk_gb.into())
                }),
                ..AttachedDisk::default()
            },
            AttachedDisk {
                auto_delete: Some(true),
                // builder.sh finds it by this.
                device_name: Some("clawbake-scratch".into()),
                initialize_params: Some(params(scratch(self.name), SCRATCH_GB)),
                ..AttachedDisk::default()
            },
        ]
    }

    fn metadata(self) -> Metadata {
        let item = |key: &str, value: String| MetadataItem {
            key: Some(key.into()),
            value: Some(value),
        };
        Metadata {
            items: vec![
                item("startup-script", kit::VM.to_owned()),
                item("clawbake-kit", self.kit),
                item("clawbake-nonce", self.nonce.to_owned()),
                item("enable-guest-attributes", "TRUE".into()),
                item("block-project-ssh-keys", "TRUE".into()),
            ],
            ..Metadata::default()
        }
    }
}

/// Name of a run's builder and of its boot disk.
pub(super) fn name(run: &str) -> String {
    format!("clawbake-builder-{run}")
}

/// Name of a builder's scratch disk.
pub(super) fn scratch(name: &str) -> String {
    format!("{name}-scratch")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(recipe: &Recipe) -> Instance {
        let builder = Builder {
            recipe,
            zone: "us-central1-a",
            network: "global/networks/default",
            subnetwork: None,
            name: "clawbake-builder-r1",
            label: ("clawbake-run".into(), "r1".into()),
            base: "projects/debian-cloud/global/images/debian-13-trixie-v20261101",
            kit: "kit".into(),
            nonce: "n",
        };
        builder.instance()
    }

    #[test]
    fn a_builder_has_no_account_and_ends_without_its_client() {
        let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        let instance = instance(&recipe);
        assert!(instance.service_accounts.is_empty());
        assert_eq!(instance.network_interfaces[0].access_configs.len(), 1);
        let shielded = instance.shielded_instance_config.as_ref().unwrap();
        assert_eq!(shielded.enable_secure_boot, Some(true));
        let scheduling = instance.scheduling.as_ref().unwrap();
        assert_eq!(scheduling.automatic_restart, Some(false));
        let duration = scheduling.max_run_duration.as_ref().unwrap();
        assert_eq!(
            duration.seconds,
            Some(70 * 60),
            "the deadline and its grace"
        );
        let items = &instance.metadata.as_ref().unwrap().items;
        let keys: Vec<_> = items
            .iter()
            .filter_map(|item| item.key.as_deref())
            .collect();
        assert_eq!(
            keys,
            [
                "startup-script",
                "clawbake-kit",
                "clawbake-nonce",
                "enable-guest-attributes",
                "block-project-ssh-keys"
            ]
        );
    }

    #[test]
    fn the_boot_disk_outlives_the_vm_and_everything_carries_the_run() {
        let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        let instance = instance(&recipe);
        let label = |labels: &BTreeMap<String, String>| labels.get("clawbake-run").cloned();
        assert_eq!(label(&instance.labels).as_deref(), Some("r1"));
        let disks: Vec<_> = instance
            .disks
            .iter()
            .map(|disk| {
                let params = disk.initialize_params.as_ref().unwrap();
                assert_eq!(label(&params.labels).as_deref(), Some("r1"));
                (params.disk_name.as_deref().unwrap(), disk.auto_delete)
            })
            .collect();
        assert_eq!(
            disks,
            [
                ("clawbake-builder-r1", Some(false)),
                ("clawbake-builder-r1-scratch", Some(true))
            ]
        );
    }

    #[test]
    fn the_recipe_gives_it_an_account_or_takes_its_address() {
        let mut recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        recipe.builder.service_account = Some(
            "builder@my-project.iam.gserviceaccount.com"
                .parse()
                .unwrap(),
        );
        recipe.builder.external_ip = false;
        let instance = instance(&recipe);
        assert!(instance.network_interfaces[0].access_configs.is_empty());
        assert_eq!(
            instance.service_accounts[0].email.as_deref(),
            Some("builder@my-project.iam.gserviceaccount.com")
        );
    }

    #[test]
    fn a_bake_asks_for_this_instance() {
        let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        let mut instance = instance(&recipe);
        let script = &mut instance.metadata.as_mut().unwrap().items[0];
        assert_eq!(script.value.take().as_deref(), Some(kit::VM));
        insta::assert_snapshot!(serde_json::to_string_pretty(&instance).unwrap());
    }
}
