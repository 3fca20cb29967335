//! The VM builder: an instance of the public Debian image runs the same scripts as the offline builder,
//! reports through guest attributes and powers itself off. No login, no secrets.
//!
//! ```text
//! insert ──▶ provisioning ──▶ verifying ──▶ sealed ──▶ TERMINATED ──▶ boot disk: source of the image
//!                 │               │            │
//!                 └── failed ─────┴── silence, deadline, gone ──▶ error; the journal cleans up
//! ```

mod kit;
mod plan;
mod report;
mod watch;

use std::time::Duration;

use anyhow::{Context, Result};

use crate::image::Plan;
use crate::journal::{Journal, Resource};
use crate::progress::Outcome;
use crate::run::Run;
use crate::vm::Nonce;

/// Makes the disk of an image in a VM, deletes the VM, and returns the disk's selfLink. The disk is in
/// the journal; the caller deletes it once the image exists.
///
/// # Errors
/// When the VM reports a failure, stops without having sealed the disk, falls silent or takes longer
/// than the recipe's deadline. What was created is in the journal, for [`Journal::settle`] to delete.
pub(super) async fn build(run: &Run, plan: &Plan, journal: &mut Journal) -> Result<String> {
    let Run {
        deployment, cloud, ..
    } = run;
    let (recipe, zone) = (&deployment.recipe, &cloud.zone);
    let stage = run.progress.stage("builder VM");
    let base = cloud
        .client
        .images_of(plan::BASE_PROJECT)
        .find_in_family(&recipe.base.to_string())
        .await?
        .and_then(|image| image.self_link)
        .with_context(|| {
            format!(
                "the project {} has no image of the family {}",
                plan::BASE_PROJECT,
                recipe.base
            )
        })?;
    let nonce = Nonce::random();
    let name = plan::name(journal.run());
    let builder = plan::Builder {
        recipe,
        zone,
        network: &cloud.network,
        subnetwork: cloud.subnetwork.as_deref(),
        kms_key: cloud.kms_key.as_deref(),
        name: &name,
        label: journal.label(),
        base: &base,
        kit: kit::pack(plan)?,
        nonce: &nonce,
    };
    let instance = builder.instance();
    stage.note(format!(
        "{name} from {}",
        base.rsplit('/').next().unwrap_or_default()
    ));
    for disk in [name.clone(), plan::scratch(&name)] {
        let zone = zone.clone();
        journal.record(Resource::Disk { zone, name: disk })?;
    }
    // Clean-up begins with the last: the instance holds the disks.
    let resource = Resource::Instance {
        zone: zone.clone(),
        name: name.clone(),
    };
    let instances = cloud.client.instances(zone);
    journal
        .create(&cloud.client, resource, instances.insert(&instance))
        .await?;

    let deadline = Duration::from_mins(recipe.builder.deadline_minutes.into());
    watch::until_sealed(cloud, &name, deadline, &stage).await?;
    stage.note("sealed; removing the VM");
    instances.delete(&name).await?.wait().await?;
    let disk = cloud.client.disks(zone).get(&name).await?;
    stage.finish(Outcome::Done, format!("{} sealed in {name}", plan.name));
    disk.self_link
        .with_context(|| format!("the disk {name} has no selfLink"))
}
