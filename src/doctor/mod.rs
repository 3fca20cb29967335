//! Checks whether everything is there that the verbs need. Looking does I/O; judging what was seen is
//! pure, and gives each finding its remedy.

mod builder;
mod engine;
mod finding;
mod look;
mod project;
mod quota;

use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::progress::Progress;

pub use finding::{Finding, Level};

/// Checks a deployment's target and this machine. A check that cannot be made is a finding too.
pub async fn examine(deployment: &Deployment, progress: &Progress) -> Vec<Finding> {
    let mut findings = match Cloud::connect(&deployment.target, progress).await {
        Err(error) => vec![Finding::failed("credentials", &error)],
        Ok(cloud) => match target(deployment, &cloud).await {
            Ok(findings) => findings,
            Err(error) => vec![Finding::failed("project", &error)],
        },
    };
    findings.extend(builder::judge(&builder::look()));
    findings
}

async fn target(deployment: &Deployment, cloud: &Cloud) -> anyhow::Result<Vec<Finding>> {
    if let Some(engine) = &cloud.engine {
        let seen = engine::look(deployment, cloud, engine).await?;
        return Ok(engine::judge(&seen));
    }
    let seen = look::look(deployment, cloud).await?;
    Ok(project::judge(&seen))
}
