//! Replaces a deployment's VM.

use std::time::Duration;

use anyhow::{Result, bail};
use gce::{Image, InstanceTemplate};

use super::aim::Aim;
use super::me::{me, now};
use super::migrating::ensure_not_migrating;
use super::observe::Seen;
use super::preview::{Preview, preview};
use super::replaced::Replaced;
use super::run::{Patience, Rollout};
use super::template::{image_name, name, release};
use super::why::Why;
use super::{last, words};
use crate::fleet;
use crate::progress::Outcome;
use crate::run::Run;
use crate::state;

/// Where a replacement goes.
#[derive(Debug, Clone)]
pub struct Goal {
    /// The new VM's image.
    pub image: Image,
    /// What for.
    pub why: Why,
    /// How long to wait for the gateway, for each of its starts.
    pub timeout: Duration,
    /// How long the gateway has to stay ready before the old release is forgotten.
    pub soak: Duration,
    /// Name of the snapshot whose state the new VM gets; the present one otherwise.
    pub state: Option<String>,
}

/// Replaces the VM by one of the goal's image, with its state; or goes on with a replacement that was
/// killed. Where the new VM fails, everything is put back.
///
/// # Errors
/// [`super::Refused`] if nothing was changed, [`super::PutBack`] if the VM before runs again.
pub async fn replace(run: &Run, goal: Goal) -> Result<Replaced> {
    let (seen, template) = prepare(run, &goal).await?;
    let aim = aim(run, &seen, &template, &goal).await?;
    let patience = Patience {
        timeout: goal.timeout,
        soak: goal.soak,
    };
    let replaced = Rollout::new(run, aim, me(), patience).drive().await?;
    retain(run).await;
    Ok(replaced)
}

/// What [`replace`] would do. Nothing is changed, but for a template that may be made.
pub async fn plan(run: &Run, goal: &Goal) -> Result<Preview> {
    let (seen, template) = prepare(run, goal).await?;
    let aim = aim(run, &seen, &template, goal).await?;
    preview(&seen.scene, aim)
}

/// Deletes snapshots that are not needed any more. A rollout that is done does not fail for it.
async fn retain(run: &Run) {
    if let Err(error) = state::retain(run).await {
        let stage = run.progress.stage("snapshots");
        stage.finish(Outcome::Done, format!("old ones stay: {error:#}"));
    }
}

/// Looks at the deployment and makes sure of the new VM's template.
async fn prepare(run: &Run, goal: &Goal) -> Result<(Seen, InstanceTemplate)> {
    ensure_not_migrating(run).await?;
    let seen = Seen::look(run).await?;
    if let Some(instance) = &seen.instance {
        // A run that died must not take back what is in use.
        fleet::keep(run, instance).await?;
    }
    if seen.disk.is_none() && seen.scene.intent().is_none() {
        bail!(words::without_state(&run.deployment, &seen.snapshots));
    }
    let template = match begun(run, &seen, goal).await? {
        Some(template) => template,
        None => fleet::ensure_template(run, &goal.image).await?,
    };
    Ok((seen, template))
}

/// The template of a rollout under way that goes to the same image: the deployment's file, which decides
/// on the template too, may have changed since it began.
async fn begun(run: &Run, seen: &Seen, goal: &Goal) -> Result<Option<InstanceTemplate>> {
    let Some(intent) = seen.scene.intent() else {
        return Ok(None);
    };
    let template = fleet::find_template(run, &intent.to).await?;
    Ok(template.filter(|it| image_name(it) == goal.image.name.as_deref()))
}

async fn aim(run: &Run, seen: &Seen, template: &InstanceTemplate, goal: &Goal) -> Result<Aim> {
    let before = last::template(run, seen).await?;
    let from = match &before {
        Some(before) => Some((name(before)?, release(before)?)),
        None => None,
    };
    Ok(Aim {
        to: name(template)?,
        release: release(template)?,
        from,
        why: goal.why,
        state: goal.state.clone(),
        now: now(),
        soak: !goal.soak.is_zero(),
    })
}
