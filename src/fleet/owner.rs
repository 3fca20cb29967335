//! Whose a resource is: everything that belongs to a deployment says so in a label.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, ensure};

use crate::deployment::Deployment;

/// Labels of a resource.
pub(super) type Labels = BTreeMap<String, String>;

/// Label on everything that belongs to a deployment.
pub(super) const DEPLOYMENT_LABEL: &str = "clawbake-deployment";

/// The labels of what a run makes for a deployment.
pub(super) fn labels(deployment: &Deployment, run: &(String, String)) -> Labels {
    let own = (DEPLOYMENT_LABEL.to_owned(), deployment.name.to_string());
    BTreeMap::from([own, run.clone()])
}

/// Whether something was made for this deployment.
pub(crate) fn belongs(labels: &Labels, deployment: &Deployment) -> bool {
    labels.get(DEPLOYMENT_LABEL).map(String::as_str) == Some(&*deployment.name)
}

/// Refuses what has the name and not the labels of something that was made for this deployment:
/// `what` is somebody else's.
pub(crate) fn ensure_belongs(
    what: &impl fmt::Display,
    labels: &Labels,
    deployment: &Deployment,
) -> Result<()> {
    ensure!(
        belongs(labels, deployment),
        "there is {what} that has no label {DEPLOYMENT_LABEL}={0}, and so is not this deployment's: \
         give it the label if it is, or the deployment another name",
        deployment.name
    );
    Ok(())
}
