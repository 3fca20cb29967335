//! Stops a deployment's VM, starts it again, and gives it another machine type.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::instance::Instance;
use super::launch::{delete, ensure_state_stays, find, keep, start};
use crate::names::MachineType;
use crate::progress::{Outcome, Stage};
use crate::run::Run;
use crate::vm::{self, Request};

/// What a guest needs to stop its gateway, besides what the recipe gives the gateway.
const GUEST: Duration = Duration::from_mins(1);

/// Why a VM that is suspended is left alone.
pub const SUSPENDED: &str = "the VM is suspended, and what its gateway has in memory is on no disk: \
     `gcloud compute instances resume` wakes it up";

/// Stops the VM: first its gateway, which gets all the time that the recipe gives it, then the machine.
/// `false` if it did not run.
pub async fn stop(run: &Run) -> Result<bool> {
    let instance = there(run).await?;
    let stage = run.progress.stage("VM");
    let name = &run.deployment.name;
    match instance.status.as_deref() {
        Some("TERMINATED") => {
            stage.finish(Outcome::Cached, format!("{name} is stopped"));
            return Ok(false);
        }
        Some("RUNNING") => quiesce(run, &stage).await,
        _ => {}
    }
    stage.note("stopping it");
    let instances = run.cloud.client.instances(&run.cloud.zone);
    instances.stop(name).await?.wait().await?;
    stage.finish(Outcome::Done, format!("{name} stopped"));
    Ok(true)
}

/// Deletes the VM, if there is one, and keeps its state, which its gateway has had the time to write: it is
/// stopped first. `false` if there was none.
pub async fn retire(run: &Run) -> Result<bool> {
    if find(run).await?.is_none() {
        return Ok(false);
    }
    ensure_state_stays(run).await?;
    stop(run).await?;
    delete(run, None).await?;
    Ok(true)
}

/// Starts the VM, unless it runs, and returns it.
pub async fn power_on(run: &Run) -> Result<Instance> {
    let instance = there(run).await?;
    let stage = run.progress.stage("VM");
    let name = &run.deployment.name;
    keep(run, &instance).await?;
    if instance.status.as_deref() == Some("TERMINATED") {
        start(&run.cloud, &instance, false).await?;
        stage.finish(Outcome::Done, format!("{name} started"));
    } else {
        stage.finish(Outcome::Cached, format!("{name} runs"));
    }
    Ok(instance)
}

/// Gives the VM another machine type, for which it is stopped; it is not started again. `false` if it is
/// of that type.
pub async fn set_machine_type(run: &Run, machine_type: &MachineType) -> Result<bool> {
    if machine_type_of(&there(run).await?) == &**machine_type {
        return Ok(false);
    }
    stop(run).await?;
    let stage = run.progress.stage("machine type");
    let (cloud, name) = (&run.cloud, &run.deployment.name);
    let url = format!("zones/{}/machineTypes/{machine_type}", cloud.zone);
    let instances = cloud.client.instances(&cloud.zone);
    instances.set_machine_type(name, &url).await?.wait().await?;
    stage.finish(Outcome::Done, machine_type.to_string());
    Ok(true)
}

/// Name of a VM's machine type.
#[must_use]
pub fn machine_type_of(instance: &Instance) -> &str {
    vm::last(instance.machine_type.as_deref().unwrap_or_default())
}

async fn there(run: &Run) -> Result<Instance> {
    let name = &run.deployment.name;
    let instance = find(run).await?;
    let instance =
        instance.with_context(|| format!("there is no VM {name}: `clawbake up` makes one"))?;
    let status = instance.status.as_deref();
    ensure!(status != Some("SUSPENDED"), SUSPENDED);
    Ok(instance)
}

/// Has the gateway stop gracefully. A VM that does not answer is stopped all the same: its own shutdown
/// stops the gateway too, in less time.
async fn quiesce(run: &Run, stage: &Stage) {
    let name = &run.deployment.name;
    let seconds = run.deployment.recipe.gateway.stop_seconds.into();
    let patience = Duration::from_secs(seconds) + GUEST;
    stage.note("stopping its gateway");
    match vm::ask(&run.cloud, name, Request::Stop, patience, stage).await {
        Ok(answer) if answer.killed => {
            stage.note("its gateway did not stop in time, and was killed");
        }
        Ok(_) => {}
        Err(error) => stage.note(format!("its gateway is stopped with it: {error:#}")),
    }
}
