//! Making, starting and deleting a deployment's VM.

use anyhow::{Context, Result, bail, ensure};
use gce::{Image, Kind};

use super::plan;
use super::plan::Instance;
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::journal::{Journal, Resource};
use crate::paths;
use crate::progress::{Outcome, Progress};
use crate::userdata;

/// Makes the deployment's VM from an image. Its state disk is made only if there is none.
///
/// What was created before a failure is deleted again. Readiness is another matter: see
/// [`super::watch`].
pub async fn launch(
    deployment: &Deployment,
    cloud: &Cloud,
    image: &Image,
    progress: &Progress,
) -> Result<Instance> {
    let values = userdata::Values::new(
        deployment,
        cloud.client.project_id(),
        &cloud.secret_manager_in_guest,
    );
    let user_data = userdata::render(&values)?;
    let link = image
        .self_link
        .as_deref()
        .context("the image has no selfLink")?;
    let stage = progress.stage("VM");
    let mut journal = Journal::begin(&paths::journal()?, "launch")?;
    let created = create(deployment, cloud, link, user_data, &mut journal).await;
    let instance = journal.settle(&cloud.client, created).await?;
    let name = image.name.as_deref().unwrap_or(link);
    stage.finish(Outcome::Done, format!("{} from {name}", deployment.name));
    Ok(instance)
}

async fn create(
    deployment: &Deployment,
    cloud: &Cloud,
    image: &str,
    user_data: String,
    journal: &mut Journal,
) -> Result<Instance> {
    let (client, zone) = (&cloud.client, &cloud.zone);
    let firewall = plan::firewall(deployment.recipe.gateway.ports.front, &cloud.network);
    if client
        .firewalls()
        .find(firewall.name.as_deref().unwrap_or_default())
        .await?
        .is_none()
    {
        // Shared by all deployments of the project, so it is not this run's to take back.
        match client.firewalls().insert(&firewall).await {
            Ok(pending) => drop(pending.wait().await?),
            Err(error) if error.kind == Kind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    let disk = plan::state_disk(deployment, cloud);
    let name = disk.name.clone().unwrap_or_default();
    if client.disks(zone).find(&name).await?.is_none() {
        journal.record(Resource::Disk {
            zone: zone.clone(),
            name,
        })?;
        journal.create(client.disks(zone).insert(&disk)).await?;
    }
    let instance = plan::instance(deployment, cloud, image, user_data, &new_nonce());
    let name = deployment.name.to_string();
    ensure!(
        client.instances(zone).find(&name).await?.is_none(),
        "there is an instance {name} already: `clawbake delete` removes it, `clawbake up` uses it"
    );
    journal.record(Resource::Instance {
        zone: zone.clone(),
        name: name.clone(),
    })?;
    journal
        .create(client.instances(zone).insert(&instance))
        .await?;
    Ok(client.instances(zone).get(&name).await?)
}

/// Starts a stopped VM. Its reports carry a new nonce from now on.
pub async fn start(cloud: &Cloud, instance: &Instance) -> Result<()> {
    let name = instance
        .name
        .as_deref()
        .context("an instance without a name")?;
    let instances = cloud.client.instances(&cloud.zone);
    let metadata = plan::with_nonce(instance.metadata.clone().unwrap_or_default(), &new_nonce());
    instances
        .set_metadata(name, &metadata)
        .await?
        .wait()
        .await?;
    instances.start(name).await?.wait().await?;
    Ok(())
}

/// Deletes the VM. The state disk stays, unless `state_disk` names it. Returns whether there was
/// anything to delete.
pub async fn delete(
    deployment: &Deployment,
    cloud: &Cloud,
    state_disk: Option<&str>,
    progress: &Progress,
) -> Result<bool> {
    let own = plan::state_disk_name(deployment);
    if let Some(other) = state_disk.filter(|name| *name != own) {
        bail!(
            "the state disk of {} is {own}, not {other}: nothing was deleted",
            deployment.name
        );
    }
    let (zone, name) = (&cloud.zone, &*deployment.name);
    let mut found = false;
    if cloud.client.instances(zone).find(name).await?.is_some() {
        let stage = progress.stage("VM");
        cloud
            .client
            .instances(zone)
            .delete(name)
            .await?
            .wait()
            .await?;
        stage.finish(Outcome::Done, format!("{name} deleted"));
        found = true;
    }
    if state_disk.is_some() && cloud.client.disks(zone).find(&own).await?.is_some() {
        let stage = progress.stage("state disk");
        cloud.client.disks(zone).delete(&own).await?.wait().await?;
        stage.finish(Outcome::Done, format!("{own} deleted"));
        found = true;
    }
    Ok(found)
}

fn new_nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
