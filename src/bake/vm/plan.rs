//! The builder VM, from a recipe and a cloud (pure).

use std::collections::BTreeMap;

use gce::{Duration, Instance, Scheduling};

use crate::bake::RECIPE_LABEL;
use crate::image::kit;
use crate::recipe::Recipe;
use crate::vm::{Disk, Nonce, Properties, item};

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
    /// The key of its disks in Cloud KMS, if it is not Google's own.
    pub kms_key: Option<&'a str>,
    /// Name of the instance and of its boot disk: unique to the run.
    pub name: &'a str,
    /// The run's, on everything that it creates.
    pub label: (String, String),
    /// selfLink of the base's image.
    pub base: &'a str,
    /// The packed kit.
    pub kit: String,
    /// What the VM's reports must carry.
    pub nonce: &'a Nonce,
}

impl Builder<'_> {
    /// The instance.
    pub(super) fn instance(self) -> Instance {
        let (recipe, builder) = (self.recipe, &self.recipe.builder);
        let properties = Properties {
            description: Some(format!("bakes an image of {}", recipe.family)),
            machine_type: &builder.machine_type,
            labels: BTreeMap::from([
                self.label,
                (RECIPE_LABEL.to_owned(), recipe.name.to_string()),
            ]),
            tag: None,
            disks: vec![
                // It outlives the VM: the image is made of it.
                Disk::Boot {
                    name: Some(self.name.to_owned()),
                    image: self.base.to_owned(),
                    size_gb: recipe.disk_gb.into(),
                    kms_key: self.kms_key.map(str::to_owned),
                    auto_delete: false,
                },
                Disk::Scratch {
                    name: scratch(self.name),
                    // builder.sh finds it by this.
                    device: "clawbake-scratch",
                    size_gb: SCRATCH_GB,
                    kms_key: self.kms_key.map(str::to_owned),
                },
            ],
            network: self.network,
            subnetwork: self.subnetwork,
            external_ip: builder.external_ip,
            metadata: vec![
                item("startup-script", kit::VM),
                item("clawbake-kit", self.kit),
            ],
            service_account: builder.service_account.as_deref(),
            scheduling: Scheduling {
                // A bake that lost its machine begins anew.
                automatic_restart: Some(false),
                instance_termination_action: Some("DELETE".into()),
                max_run_duration: Some(Duration {
                    seconds: Some(u64::from(builder.deadline_minutes) * 60 + GRACE),
                }),
                ..Scheduling::default()
            },
        };
        properties.instance(self.name.to_owned(), self.zone, self.nonce)
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

    const KEY: &str = "projects/p/locations/us/keyRings/r/cryptoKeys/k";

    fn instance(recipe: &Recipe) -> Instance {
        let builder = Builder {
            recipe,
            zone: "us-central1-a",
            network: "global/networks/default",
            subnetwork: None,
            kms_key: Some(KEY),
            name: "clawbake-builder-r1",
            label: ("clawbake-run".into(), "r1".into()),
            base: "projects/debian-cloud/global/images/debian-13-trixie-v20261101",
            kit: "kit".into(),
            nonce: &"n".into(),
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
                "enable-guest-attributes",
                "block-project-ssh-keys",
                "clawbake-nonce"
            ]
        );
    }

    #[test]
    fn the_boot_disk_outlives_the_vm_and_all_disks_have_run_and_key() {
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
                let key = disk.disk_encryption_key.as_ref().unwrap();
                assert_eq!(key.kms_key_name.as_deref(), Some(KEY));
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
