//! Stops a deployment's VM, starts it again, and gives it another machine type.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;

use super::instance::Instance;
use super::launch::{delete, ensure_state_stays, find, keep, start};
use crate::journal::Resource;
use crate::names::MachineType;
use crate::progress::Outcome;
use crate::run::Run;
use crate::vm::{self, Answer, Counted, Request};

/// What a guest needs to stop its gateway, besides what the recipe gives the gateway.
const GUEST: Duration = Duration::from_mins(1);
/// Between two looks at a VM.
const POLL: Duration = Duration::from_secs(5);
/// For a VM to be on, off or gone.
const SETTLE: Duration = Duration::from_mins(10);

/// Why a VM that is suspended is left alone.
pub const SUSPENDED: &str = "the VM is suspended, and what its gateway has in memory is on no disk: \
     `gcloud compute instances resume` wakes it up";

/// What a VM is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Power {
    /// It runs.
    On,
    /// It is stopped.
    Off,
    /// Neither: what its programs hold in memory is kept, and on no disk.
    Suspended,
    /// It is on its way from one to the other, or out of this world.
    Moving,
}

impl Power {
    /// The meaning of an instance's status.
    #[must_use]
    pub fn of(status: &str) -> Self {
        match status {
            "RUNNING" => Self::On,
            "TERMINATED" => Self::Off,
            "SUSPENDED" => Self::Suspended,
            _ => Self::Moving,
        }
    }
}

/// When a VM was last started or stopped, as far as the cloud says it.
#[must_use]
pub fn moved(instance: &Instance) -> Option<Timestamp> {
    let time = |text: &Option<String>| text.as_deref()?.parse().ok();
    time(&instance.last_start_timestamp).max(time(&instance.last_stop_timestamp))
}

/// Waits for what the VM is doing.
pub async fn settle(run: &Run) -> Result<()> {
    let (name, began) = (&run.deployment.name, Instant::now());
    let vm = Resource::Instance {
        zone: run.cloud.zone.clone(),
        name: name.to_string(),
    };
    while began.elapsed() < SETTLE {
        vm.quiet(&run.cloud.client).await?;
        let status = find(run).await?.and_then(|it| it.status);
        let status = status.unwrap_or_default();
        if status.is_empty() || Power::of(&status) != Power::Moving {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    bail!(
        "the VM {name} is neither on nor off after {} minutes",
        SETTLE.as_secs() / 60
    )
}

/// Has the gateway stop gracefully, which gets all the time that the recipe gives it, and counts its state
/// before. A VM that does not answer can be stopped all the same: its own shutdown stops the gateway too, in
/// less time.
pub async fn quiesce(run: &Run) -> Counted {
    let (name, stage) = (&run.deployment.name, run.progress.stage("gateway"));
    let seconds = run.deployment.recipe.gateway.stop_seconds.into();
    let patience = Duration::from_secs(seconds) + GUEST;
    match vm::ask(&run.cloud, name, Request::Stop, patience, &stage).await {
        Ok(answer) => {
            stage.finish(Outcome::Done, stopped(&answer));
            answer.counted()
        }
        Err(error) => {
            let why = format!("it is stopped with its VM, for it did not answer: {error:#}");
            stage.finish(Outcome::Done, &why);
            Counted::Unknown(why)
        }
    }
}

/// A gateway that was stopped.
fn stopped(answer: &Answer) -> String {
    let how = if answer.killed {
        "killed, for it did not stop in time"
    } else {
        "stopped"
    };
    match answer.counted() {
        Counted::Known(counts) if counts.is_empty() => how.to_owned(),
        Counted::Known(counts) => format!("{how}, with {counts}"),
        Counted::Unknown(why) => format!("{how}; {why}"),
    }
}

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
        Some("RUNNING") => drop(quiesce(run).await),
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
