//! Creates, starts and deletes a deployment's VM.

use anyhow::{Context, Result, bail, ensure};
use gce::{Image, InstanceTemplate, Kind};

use super::disk::state_disk_name;
use super::instance::{self, Instance};
use super::owner::{belongs, ensure_belongs};
use super::start::{Adopt, StateDisk, for_start};
use super::written::Written;
use super::{snapshots, state_disk, template};
use crate::cloud::Cloud;
use crate::journal::{Journal, RUN_LABEL, Resource};
use crate::progress::Outcome;
use crate::run::Run;
use crate::vm::{Nonce, last};

/// How often a change of labels is tried again when somebody else has changed them meanwhile.
const ATTEMPTS: usize = 8;

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
    let wanted = template::of(run, image, adopt)?;
    let state = prepare(run, &wanted, adopt, journal).await?;
    let template = template::create(run, wanted, journal).await?;
    insert(run, template, state, journal).await
}

/// Creates the deployment's VM from a template that exists already.
pub async fn create_from(
    run: &Run,
    template: InstanceTemplate,
    adopt: Adopt,
    journal: &mut Journal,
) -> Result<Instance> {
    template::ensure_belongs(&template, &run.deployment)?;
    let state = prepare(run, &template, adopt, journal).await?;
    journal.adopt(&template::resource(&template)?)?;
    insert(run, template, state, journal).await
}

/// Makes what the VM needs besides its template.
async fn prepare(
    run: &Run,
    template: &InstanceTemplate,
    adopt: Adopt,
    journal: &mut Journal,
) -> Result<StateDisk> {
    ensure!(
        find(run).await?.is_none(),
        "there is an instance {0} already: `clawbake delete` removes it, `clawbake up` uses it",
        run.deployment.name
    );
    let labels = template.properties.as_ref().map(|it| &it.labels);
    let writes = labels.map(Written::of).transpose()?.flatten();
    let writes = writes.with_context(|| {
        let name = template.name.as_deref().unwrap_or_default();
        format!("the template {name} does not say which gateway is in it")
    })?;
    ensure_firewall(run).await?;
    let [_, _, disk] = resources(run);
    state_disk::ready(run, disk, writes, adopt, journal).await
}

/// Creates the VM.
async fn insert(
    run: &Run,
    template: InstanceTemplate,
    state: StateDisk,
    journal: &mut Journal,
) -> Result<Instance> {
    let Run {
        deployment, cloud, ..
    } = run;
    let [vm, boot_disk, _] = resources(run);
    let url = template.self_link.context("the template has no selfLink")?;
    let properties = template.properties.unwrap_or_default();
    let (nonce, label) = (Nonce::random(), journal.label());
    let instance = instance::instance(deployment, &cloud.zone, properties, state, &nonce, &label);
    journal.record(boot_disk)?;
    let instances = cloud.client.instances(&cloud.zone);
    journal
        .create(&cloud.client, vm, instances.insert_from(&instance, &url))
        .await?;
    Ok(instances.get(&deployment.name).await?)
}

/// Creates the way in, unless it exists. All deployments of the project share it, so it is in no journal.
async fn ensure_firewall(run: &Run) -> Result<()> {
    let port = run.deployment.recipe.gateway.ports.front;
    let firewall = super::firewall(port, &run.cloud.network);
    let firewalls = run.cloud.client.firewalls();
    let name = firewall.name.as_deref().unwrap_or_default();
    if firewalls.find(name).await?.is_none() {
        match firewalls.insert(&firewall).await {
            Ok(pending) => drop(pending.wait().await?),
            Err(error) if error.kind == Kind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
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
        ensure_belongs(&vm, &instance.labels, deployment)?;
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
        disk(state_disk_name(deployment)),
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
    let name = state_disk_name(deployment);
    let schedule = policy(run).await?;
    let disk = cloud.client.disks(&cloud.zone).find(&name).await?;
    match disk.filter(|disk| belongs(&disk.labels, deployment)) {
        Some(disk) => snapshots::follow(cloud, &disk, schedule.as_deref()).await,
        None => Ok(()),
    }
}

/// Keeps the VM, its template and its state, which are in use from now on: see [`Run::keep`].
pub async fn keep(run: &Run, instance: &Instance) -> Result<()> {
    run.keep(&resources(run))?;
    run.keep(&template::of_instance(&run.cloud, instance))?;
    disown(run, instance).await?;
    state_disk::keep(run).await
}

/// The VM and its boot disk are in use from now on, and no run's any more. If the run that made them died on
/// another machine, `clawbake clean` there would take them for leftovers.
pub async fn disown(run: &Run, instance: &Instance) -> Result<()> {
    let (cloud, name) = (&run.cloud, &run.deployment.name);
    let instances = cloud.client.instances(&cloud.zone);
    let mut instance = instance.clone();
    for _ in 0..ATTEMPTS {
        if instance.labels.remove(RUN_LABEL).is_none() {
            return Ok(());
        }
        state_disk::disown(run, name).await?;
        let fingerprint = instance.label_fingerprint.unwrap_or_default();
        let labelled = instances.set_labels(name, &instance.labels, &fingerprint);
        match labelled.await {
            Ok(pending) => return Ok(pending.wait().await.map(drop)?),
            Err(error) if error.kind == Kind::PreconditionFailed => {
                instance = instances.get(name).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    bail!("the labels of the VM {name} change all the time: try again")
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
    let metadata = for_start(metadata, &Nonce::random(), state);
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
    let own = state_disk_name(deployment);
    if let Some(other) = state_disk.filter(|name| *name != own) {
        bail!(
            "the state disk of {} is {own}, not {other}: nothing was deleted",
            deployment.name
        );
    }
    let disks = cloud.client.disks(&cloud.zone);
    let [vm, boot_disk, state] = resources(run);
    if state_disk.is_none() {
        ensure_state_stays(run).await?;
        // While it can be seen that a VM has had it.
        state_disk::keep(run).await?;
    }
    let mut anything = remove(run, &vm, "VM").await?;
    let orphan = disks.find(&deployment.name).await?;
    if orphan.is_some_and(|disk| disk.users.is_empty() && belongs(&disk.labels, deployment)) {
        anything |= remove(run, &boot_disk, "boot disk").await?;
    }
    let stays = if state_disk.is_some() {
        anything |= remove(run, &state, "state disk").await?;
        None
    } else {
        let disk = disks.find(&own).await?;
        disk.filter(|disk| belongs(&disk.labels, deployment))
            .map(|_| own)
    };
    Ok(Deleted { anything, stays })
}

/// Refuses if the state disk would be deleted with the VM, which somebody may have set.
pub(super) async fn ensure_state_stays(run: &Run) -> Result<()> {
    let (cloud, state_disk) = (&run.cloud, state_disk_name(&run.deployment));
    let instance = cloud
        .client
        .instances(&cloud.zone)
        .find(&run.deployment.name)
        .await?;
    let mut disks = instance.iter().flat_map(|it| &it.disks);
    let goes = disks.any(|disk| {
        let source = disk.source.as_deref().unwrap_or_default();
        last(source) == state_disk && disk.auto_delete == Some(true)
    });
    ensure!(
        !goes,
        "the state disk {state_disk} would be deleted with the VM: `gcloud compute instances \
         set-disk-auto-delete {} --no-auto-delete --disk {state_disk} --zone {}` keeps it; nothing was deleted",
        run.deployment.name,
        cloud.zone
    );
    Ok(())
}

/// Deletes a resource of the deployment; `false` if there was none.
async fn remove(run: &Run, resource: &Resource, stage: &str) -> Result<bool> {
    let (client, stage) = (&run.cloud.client, run.progress.stage(stage));
    resource.quiet(client).await?;
    if let Some(labels) = resource.labels(client).await? {
        ensure_belongs(resource, &labels, &run.deployment)?;
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
