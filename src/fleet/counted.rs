use std::time::Duration;

use anyhow::{Context, Result};

use crate::cloud::Cloud;
use crate::progress::{Outcome, Stage};
use crate::run::Run;
use crate::vm::{self, Counted, Counts, Request};

/// How long a gateway that runs may take to count.
const PATIENCE: Duration = Duration::from_mins(3);

/// What the gateway of a VM counted in its state when it became ready, since the VM's last start. `None`
/// as long as it has not, or if its recipe counts nothing.
pub async fn counts(cloud: &Cloud, name: &str) -> Result<Option<Counts>> {
    let instances = cloud.client.instances(&cloud.zone);
    let asking = || format!("asking what the gateway of {name} has counted");
    let instance = instances.get(name).await.with_context(asking)?;
    let counts = vm::counts(&instances, &instance).await;
    counts.with_context(asking)
}

/// What the gateway counts in its state right now; unknown if its VM does not run or does not answer.
pub async fn count(run: &Run, stage: &Stage) -> Result<Counted> {
    let running = super::find(run).await?;
    if running.and_then(|it| it.status).as_deref() != Some("RUNNING") {
        return Ok(Counted::Unknown("its VM does not run".into()));
    }
    stage.note("the gateway counts its state");
    let name = &run.deployment.name;
    match vm::ask(&run.cloud, name, Request::Counts, PATIENCE, stage).await {
        Ok(answer) => Ok(answer.counted()),
        Err(error) => Ok(Counted::Unknown(format!("{error:#}"))),
    }
}

/// What a gateway has counted before its end; of one that could not, what it counted when it became ready.
/// `None` if nobody knows: then nothing can be compared.
pub async fn counted_at_last(run: &Run, counted: Counted) -> Option<Counts> {
    if let Counted::Known(counts) = counted {
        return Some(counts);
    }
    let stage = run.progress.stage("counts");
    // What cannot be asked is not known either.
    let counts = counts(&run.cloud, &run.deployment.name).await;
    let counts = counts.ok().flatten();
    let words = counts.as_ref().map_or_else(
        || "unknown: nothing will be compared".into(),
        |counts| format!("{counts}, as it counted when it became ready"),
    );
    stage.finish(Outcome::Done, words);
    counts
}
