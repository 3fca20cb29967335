//! A run of a verb that changes something.

use anyhow::Result;

use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::journal::{Journal, Journals, Resource};
use crate::progress::Progress;

/// What a run works with.
#[derive(Debug, Clone)]
pub struct Run {
    /// The deployment.
    pub deployment: Deployment,
    /// The cloud that it is for.
    pub cloud: Cloud,
    /// Where events go.
    pub progress: Progress,
}

impl Run {
    /// Connects to the deployment's target; an engine on this machine is started if it does not run.
    pub async fn connect(deployment: Deployment, progress: Progress) -> Result<Self> {
        let cloud = Cloud::connect(&deployment.target, &progress).await?;
        Ok(Self {
            deployment,
            cloud,
            progress,
        })
    }

    /// The same run for another deployment.
    #[must_use]
    pub fn with(&self, deployment: Deployment) -> Self {
        Self {
            deployment,
            ..self.clone()
        }
    }

    /// Begins the journal of a step of this run, under the name `verb`.
    pub fn journal(&self, verb: &str) -> Result<Journal> {
        Journals::of_this_user()?.begin(verb, &self.cloud.place)
    }

    /// Keeps resources that are in use from now on. If the run that created them died before its end,
    /// `clawbake clean` would take them for leftovers.
    pub fn keep(&self, resources: &[Resource]) -> Result<()> {
        Journals::of_this_user()?.keep(&self.cloud.place, resources)
    }
}
