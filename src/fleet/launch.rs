//! Creates, starts and deletes a deployment's VM.

use anyhow::{Context, Result, bail, ensure};
use gce::{Image, Kind};

use super::plan::{Adopt, Instance, StateDisk};
use super::{plan, snapshots};
use crate::cloud::Cloud;
use crate::journal::{Journal, Resource};
use crate::progress::Outcome;
use crate::run::Run;
use crate::userdata;
use crate::vm::Nonce;

/// Creates the deployment's VM from an image, and its state disk if there is none. With `adopt_state`
/// the guest takes over a state disk that somebody else has filled.
///
/// After a failure, what was created is deleted. [`super::watch`] waits until the VM is ready.
pub async fn launch(run: &Run, image: &Image, adopt_state: bool) -> Result<Instance> {
    let stage = run.progress.stage("VM");
    let mut journal = run.journal("launch")?;
    let created = create(run, image, Adopt::any(adopt_state), &mut journal).await;
    let instance = journal.settle(&run.cloud.client, created).await?;
    let image = image.name.as_deref().unwrap_or_default();
    let name = &run.deployment.name;
    stage.finish(Outcome::Done, format!("{name} from {image}"));
    Ok(instance)
}

/// [`launch`] as a step of a longer run, with that run's journal.
pub async fn create(
    run: &Run,
    image: &Image,
    adopt: Adopt,
    journal: &mut Journal,
) -> Result<Instance> {
    let Run {
        deployment, cloud, ..
    } = run;
    let mut values = userdata::Values::new(
        deployment,
        cloud.client.project_id(),
        &cloud.secret_manager_in_guest,
    );
    values.clone = adopt == Adopt::Clone;
    let user_data = userdata::render(&values)?;
    let image = image
        .self_link
        .as_deref()
        .context("the image has no selfLink")?;
    let (client, zone) = (&cloud.client, &cloud.zone);
    let [vm, boot_disk, state_disk] = resources(run);
    ensure!(
        find(run).await?.is_none(),
        "there is an instance {0} already: `clawbake delete` removes it, `clawbake up` uses it",
        deployment.name
    );
    let firewall = plan::firewall(deployment.recipe.gateway.ports.front, &cloud.network);
    if client
        .firewalls()
        .find(firewall.name.as_deref().unwrap_or_default())
        .await?
        .is_none()
    {
        // Shared by all deployments of the project, so not in this run's journal.
        match client.firewalls().insert(&firewall).await {
            Ok(pending) => drop(pending.wait().await?),
            Err(error) if error.kind == Kind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    let label = journal.label();
    let schedule = policy(run).await?;
    let disks = client.disks(zone);
    let found = disks.find(&plan::state_disk_name(deployment)).await?;
    let state = if let Some(disk) = found {
        plan::ensure_belongs(&state_disk, &disk.labels, deployment)?;
        journal.adopt(&state_disk)?;
        snapshots::follow(cloud, &disk, schedule.as_deref()).await?;
        StateDisk::found(adopt)
    } else {
        let disk = plan::state_disk(deployment, cloud, schedule, &label);
        journal
            .create(client, state_disk, disks.insert(&disk))
            .await?;
        StateDisk::Made
    };
    let nonce = Nonce::random();
    let instance = plan::instance(deployment, cloud, image, user_data, state, &nonce, &label);
    journal.record(boot_disk)?;
    journal
        .create(client, vm, client.instances(zone).insert(&instance))
        .await?;
    Ok(client.instances(zone).get(&deployment.name).await?)
}

/// The deployment's VM, if there is one. A VM of that name that is somebody else's is an error.
pub async fn find(run: &Run) -> Result<Option<Instance>> {
    let Run {
        deployment, cloud, ..
    } = run;
    let instances = cloud.client.instances(&cloud.zone);
    let instance = instances.find(&deployment.name).await?;
    if let Some(instance) = &instance {
        let [vm, ..] = resources(run);
        plan::ensure_belongs(&vm, &instance.labels, deployment)?;
    }
    Ok(instance)
}

/// The VM, its boot disk and its state disk.
fn resources(run: &Run) -> [Resource; 3] {
    let (deployment, zone) = (&run.deployment, &run.cloud.zone);
    let disk = |name| Resource::Disk {
        zone: zone.clone(),
        name,
    };
    let name = deployment.name.to_string();
    [
        Resource::Instance {
            zone: zone.clone(),
            name: name.clone(),
        },
        disk(name),
        disk(plan::state_disk_name(deployment)),
    ]
}

/// URL of the policy that the deployment's state disk follows, if it follows one; it is made if there is
/// none.
pub async fn policy(run: &Run) -> Result<Option<String>> {
    snapshots::ensure(&run.cloud, run.deployment.state.snapshots.as_ref()).await
}

/// Applies the deployment's snapshot schedule to its state disk, if there is one.
pub async fn schedule(run: &Run) -> Result<()> {
    let Run {
        deployment, cloud, ..
    } = run;
    let name = plan::state_disk_name(deployment);
    let schedule = policy(run).await?;
    let disk = cloud.client.disks(&cloud.zone).find(&name).await?;
    match disk.filter(|disk| plan::belongs(&disk.labels, deployment)) {
        Some(disk) => snapshots::follow(cloud, &disk, schedule.as_deref()).await,
        None => Ok(()),
    }
}

/// Keeps the VM and its state, which are in use from now on: see [`Run::keep`].
pub fn keep(run: &Run) -> Result<()> {
    run.keep(&resources(run))
}

/// Starts a stopped VM, with a new nonce for its reports. With `adopt_state` it takes over a state disk
/// that somebody else has filled.
pub async fn start(cloud: &Cloud, instance: &Instance, adopt_state: bool) -> Result<()> {
    let name = instance
        .name
        .as_deref()
        .context("an instance without a name")?;
    let instances = cloud.client.instances(&cloud.zone);
    let metadata = instance.metadata.clone().unwrap_or_default();
    let state = StateDisk::found(Adopt::any(adopt_state));
    let metadata = plan::for_start(metadata, &Nonce::random(), state);
    instances
        .set_metadata(name, &metadata)
        .await?
        .wait()
        .await?;
    instances.start(name).await?.wait().await?;
    Ok(())
}

/// What [`delete`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Whether there was anything to delete.
    pub anything: bool,
    /// The state disk, if there is one and it stays.
    pub stays: Option<String>,
}

/// Deletes the VM. The state disk stays, unless `state_disk` names it.
///
/// It resumes an earlier deletion: it waits for operations that are under way, and removes a boot disk
/// that has lost its VM.
pub async fn delete(run: &Run, state_disk: Option<&str>) -> Result<Deleted> {
    let Run {
        deployment, cloud, ..
    } = run;
    let own = plan::state_disk_name(deployment);
    if let Some(other) = state_disk.filter(|name| *name != own) {
        bail!(
            "the state disk of {} is {own}, not {other}: nothing was deleted",
            deployment.name
        );
    }
    let disks = cloud.client.disks(&cloud.zone);
    let [vm, boot_disk, state] = resources(run);
    let mut anything = remove(run, &vm, "VM").await?;
    let orphan = disks.find(&deployment.name).await?;
    if orphan.is_some_and(|disk| disk.users.is_empty() && plan::belongs(&disk.labels, deployment)) {
        anything |= remove(run, &boot_disk, "boot disk").await?;
    }
    let stays = if state_disk.is_some() {
        anything |= remove(run, &state, "state disk").await?;
        None
    } else {
        let disk = disks.find(&own).await?;
        disk.filter(|disk| plan::belongs(&disk.labels, deployment))
            .map(|_| own)
    };
    Ok(Deleted { anything, stays })
}

/// Deletes a resource of the deployment; `false` if there was none.
async fn remove(run: &Run, resource: &Resource, stage: &str) -> Result<bool> {
    let (client, stage) = (&run.cloud.client, run.progress.stage(stage));
    resource.quiet(client).await?;
    if let Some(labels) = resource.labels(client).await? {
        plan::ensure_belongs(resource, &labels, &run.deployment)?;
        stage.note(format!("deleting {resource}"));
    }
    let deleted = resource.delete(client).await?;
    if deleted {
        stage.finish(Outcome::Done, format!("{resource} deleted"));
    } else {
        stage.finish(Outcome::Cached, format!("there is no {resource}"));
    }
    Ok(deleted)
}
