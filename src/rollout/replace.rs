//! Replaces a deployment's VM.

use std::time::Duration;

use anyhow::{Result, bail};
use gce::Image;

use crate::run::Run;

/// What a replacement is for. It names the snapshot that is taken before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The same release, in a new VM.
    Recreate,
    /// A newer release.
    Rebuild,
    /// An older release.
    Rollback,
}

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

/// A VM that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// The VM.
    pub instance: String,
    /// Its image.
    pub image: String,
    /// Its template.
    pub template: String,
    /// The gateway's version, as it says itself.
    pub gateway: String,
    /// The state before, in a snapshot.
    pub snapshot: String,
    /// Seconds from the stop of the old gateway until the new one was ready.
    pub downtime_seconds: u64,
}

/// Replaces the VM by one of the goal's image, with its state; or goes on with a replacement that was
/// killed. Where the new VM fails, everything is put back.
///
/// # Errors
/// [`super::Refused`] if nothing was changed, [`super::PutBack`] if the VM before runs again.
pub async fn replace(run: &Run, goal: Goal) -> Result<Replaced> {
    let _ = (run, goal);
    bail!("not yet")
}
