//! What follows a launch or a start: wait until the gateway is ready, and print where it is.

use std::time::Duration;

use anyhow::Result;

use super::output::{errln, outln};
use crate::cloud::Reach;
use crate::fleet::{self, Instance};
use crate::progress::Outcome;
use crate::run::Run;

/// How long to wait for readiness.
#[derive(Debug, clap::Args)]
pub(super) struct Timeout {
    /// Wait at most MINUTES for the gateway
    #[arg(long = "timeout", value_name = "MINUTES", default_value_t = 45, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
}

impl Timeout {
    pub(super) fn duration(&self) -> Duration {
        Duration::from_secs(self.minutes * 60)
    }
}

/// Waits for readiness.
pub(super) async fn wait(run: &Run, instance: &Instance, timeout: Duration) -> Result<()> {
    let name = instance.name.as_deref().unwrap_or_default();
    let stage = run.progress.stage("gateway");
    let report = fleet::watch(&run.cloud, name, timeout, &stage).await?;
    stage.finish(
        Outcome::Done,
        format!("{} is {}", report.gateway, report.phase),
    );
    Ok(())
}

/// Prints the gateway's address, how to get its token and how to stop it. Probes a reachable gateway first.
pub(super) async fn announce(run: &Run) -> Result<()> {
    let Run {
        deployment, cloud, ..
    } = run;
    let gateway = &deployment.recipe.gateway;
    let secret = &deployment.secrets[&gateway.token_env];
    let instance = cloud
        .client
        .instances(&cloud.zone)
        .get(&deployment.name)
        .await?;
    match cloud.reach(&instance, gateway.ports.front) {
        Reach::Url(url) => {
            let stage = run.progress.stage("address");
            let token = cloud
                .client
                .secrets()
                .access(&secret.name, &secret.version)
                .await?;
            fleet::probe(&url, &gateway.health, &token).await?;
            stage.finish(Outcome::Done, "right token accepted, wrong one refused");
            outln!("{url}")?;
        }
        Reach::Tunnel(command) => {
            outln!("http://localhost:{}/", gateway.ports.front)?;
            errln!("tunnel:  {command}");
        }
    }
    errln!("token:   clawbake secrets show {}", secret.name);
    errln!("stop:    clawbake delete   (the state disk stays)");
    Ok(())
}
