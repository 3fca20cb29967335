//! When an instance is to end.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::json::{Int64, prune};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scheduling {
    pub automatic_restart: Option<bool>,
    pub on_host_maintenance: Option<String>,
    pub preemptible: Option<bool>,
    pub provisioning_model: Option<String>,
    pub instance_termination_action: Option<TerminationAction>,
    pub max_run_duration: Option<Duration>,
    pub termination_time: Option<String>,
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub enum TerminationAction {
    Stop,
    Delete,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Duration {
    pub seconds: Int64,
    pub nanos: Option<u32>,
}

/// Google's limits of a run, in seconds.
const SHORTEST_RUN: u64 = 30;
const LONGEST_RUN: u64 = 120 * 24 * 3600;

impl Scheduling {
    /// Refuses what Google would.
    pub fn check(&self) -> Result<(), Error> {
        if self.max_run_duration.is_some() && self.termination_time.is_some() {
            return Err(Error::invalid(
                "At most one of fields maxRunDuration and terminationTime can be specified.",
            ));
        }
        match &self.max_run_duration {
            Some(run) if !(SHORTEST_RUN..=LONGEST_RUN).contains(&run.seconds.0) => {
                Err(Error::field(
                    "resource.scheduling.maxRunDuration",
                    &run.seconds.0.to_string(),
                    &format!("Must be between {SHORTEST_RUN} and {LONGEST_RUN} seconds."),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Scheduling as an instance shows it.
    pub fn body(&self) -> Value {
        let preemptible = self.preemptible.unwrap_or(false);
        let maintenance = if preemptible { "TERMINATE" } else { "MIGRATE" };
        prune(json!({
            "automaticRestart": self.automatic_restart.unwrap_or(!preemptible),
            "onHostMaintenance": self.on_host_maintenance.as_deref().unwrap_or(maintenance),
            "preemptible": preemptible,
            "provisioningModel": self.provisioning_model.as_deref().unwrap_or("STANDARD"),
            "instanceTerminationAction": self.instance_termination_action,
            "maxRunDuration": self.max_run_duration,
            "terminationTime": self.termination_time,
        }))
    }
}
