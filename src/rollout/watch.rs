//! Whether a gateway is what it was: ready, whole, and steady.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::disk::counts;
use super::fault::Fails;
use super::gate::Gate;
use super::intent::Intent;
use super::observe::Seen;
use super::run::{POLL, Rollout};
use super::words;
use crate::cloud::Reach;
use crate::fleet::{self, Counts, Report};
use crate::progress::Outcome;
use crate::run::Run;

/// For a gateway that is ready to say what it has counted.
const COUNTED: Duration = Duration::from_secs(30);

impl Rollout<'_> {
    /// Waits until the gateway is ready, and looks whether it is whole.
    pub(super) async fn watch(&mut self, counted: Option<&str>, seen: &Seen) -> Result<()> {
        let (cloud, stage) = (&self.run.cloud, self.run.progress.stage("gateway"));
        let report = fleet::watch(cloud, self.name(), self.patience.timeout, &stage).await?;
        self.downtime = match self.stopped.take() {
            Some(stopped) => stopped.elapsed(),
            None => since(seen.scene.intent(), &report),
        };
        let snapshot = counted.and_then(|name| seen.snapshot(name));
        let before = snapshot.map(|it| counts(&it.labels)).transpose()?;
        examine(self.run, &before.unwrap_or_default()).await?;
        let (gateway, phase) = (&report.gateway, report.phase);
        stage.finish(Outcome::Done, format!("{gateway} is {phase}"));
        self.report = Some(report);
        Ok(())
    }

    /// Watches that the gateway stays ready.
    pub(super) async fn soak(&self) -> Result<()> {
        let (cloud, stage) = (&self.run.cloud, self.run.progress.stage("soak"));
        let (began, soak) = (Instant::now(), self.patience.soak);
        let first = self.report.as_ref().context("the gateway was not ready")?;
        while began.elapsed() < soak {
            tokio::time::sleep(POLL.min(soak)).await;
            let instance = fleet::find(self.run).await?;
            let instance = instance.context("the VM is gone: somebody deleted it")?;
            let report = fleet::report(cloud, &instance).await?;
            let status = instance.status.as_deref().unwrap_or_default();
            if let Some(why) = words::unsteady(status, first, report.as_ref()) {
                return Err(Fails {
                    gate: Gate::Soak,
                    why,
                }
                .into());
            }
            stage.advance(began.elapsed().as_secs(), soak.as_secs());
        }
        let minutes = soak.as_secs().div_ceil(60);
        stage.finish(Outcome::Done, format!("ready for {minutes} minutes"));
        Ok(())
    }
}

/// Looks whether a gateway that is ready accepts the token's holder alone, and has all that was counted
/// `before`. [`super::failed_at`] tells the gate that it fails at.
pub async fn examine(run: &Run, before: &Counts) -> Result<()> {
    probe(run).await?;
    compare(run, before).await
}

/// Probes a gateway that can be reached from here.
async fn probe(run: &Run) -> Result<()> {
    let (deployment, cloud) = (&run.deployment, &run.cloud);
    let gateway = &deployment.recipe.gateway;
    let instances = cloud.client.instances(&cloud.zone);
    let instance = instances.get(&deployment.name).await?;
    if let Reach::Url(url) = cloud.reach(&instance, gateway.ports.front) {
        let secret = &deployment.secrets[&gateway.token_env];
        let secrets = cloud.client.secrets();
        let token = secrets.access(&secret.name, &secret.version).await?;
        let probed = fleet::probe(&url, &gateway.health, &token).await;
        probed.map_err(|error| Fails {
            gate: Gate::Probe,
            why: format!("{error:#}"),
        })?;
    }
    Ok(())
}

/// Compares what is counted now with what was counted before.
async fn compare(run: &Run, before: &Counts) -> Result<()> {
    if before.is_empty() {
        return Ok(());
    }
    let began = Instant::now();
    let after = loop {
        let counts = fleet::counts(&run.cloud, &run.deployment.name).await?;
        if let Some(counts) = counts {
            break counts;
        }
        if began.elapsed() > COUNTED {
            break Counts::default();
        }
        tokio::time::sleep(POLL).await;
    };
    let lost: Vec<_> = before
        .lost(&after)
        .iter()
        .map(ToString::to_string)
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Fails {
        gate: Gate::Counts,
        why: format!("its state is not whole: {}", lost.join("; ")),
    }
    .into())
}

/// The downtime that an earlier run began: the guest says when it was over.
fn since(intent: Option<&Intent>, report: &Report) -> Duration {
    let ready: Option<jiff::Timestamp> = report.at.parse().ok();
    let ready = ready.and_then(|at| u64::try_from(at.as_second()).ok());
    let began = intent.map(|intent| intent.began);
    let seconds = ready
        .zip(began)
        .map(|(ready, began)| ready.saturating_sub(began));
    Duration::from_secs(seconds.unwrap_or_default())
}
