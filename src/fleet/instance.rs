//! The deployment's VM: what is said of it besides its template.

use gce::{InstanceProperties, Metadata};

use super::start::{StateDisk, for_start};
use crate::deployment::Deployment;
use crate::vm::{self, Nonce};

/// An instance of the client's.
pub use gce::Instance;

/// The VM, made from its template. Disks that are made with it are the template's, and carry
/// the run's label: clean-up knows them by it.
pub(super) fn instance(
    deployment: &Deployment,
    zone: &str,
    template: InstanceProperties,
    state_disk: StateDisk,
    nonce: &Nonce,
    run: &(String, String),
) -> Instance {
    let mut disks = vm::disks_in(zone, template.disks);
    let made = disks.iter_mut();
    for params in made.filter_map(|disk| disk.initialize_params.as_mut()) {
        params.labels.extend([run.clone()]);
    }
    let metadata = Metadata {
        fingerprint: None,
        ..template.metadata.unwrap_or_default()
    };
    let mut labels = template.labels;
    labels.extend([run.clone()]);
    Instance {
        name: Some(deployment.name.to_string()),
        disks,
        labels,
        metadata: Some(for_start(metadata, nonce, state_disk)),
        ..Instance::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::content::tests::example;

    #[tokio::test]
    async fn a_launch_asks_for_this_instance() {
        let (deployment, template) = example().await;
        let instance = instance(
            &deployment,
            "us-central1-a",
            template.properties.unwrap(),
            StateDisk::Made,
            &"n".into(),
            &("clawbake-run".to_owned(), "r1".to_owned()),
        );
        insta::assert_snapshot!("instance", serde_json::to_string_pretty(&instance).unwrap());
    }
}
