//! What must hold before a migration begins.

use anyhow::{Result, bail};

use crate::fleet;
use crate::rollout::{self, Gate, Refused};
use crate::run::Run;
use crate::state;

/// The two deployments: the one whose state it is, and the one that takes it over.
#[derive(Debug, Clone)]
pub struct Between {
    /// Whose state it is.
    pub from: Run,
    /// Who takes it over.
    pub to: Run,
}

/// Refuses a migration that cannot come to its end.
///
/// # Errors
/// [`Refused`], with nothing changed.
pub async fn check(between: &Between) -> Result<()> {
    if let Some(why) = mismatch(between) {
        return refuse(Gate::Check, why);
    }
    let Between { from, to } = between;
    let missing = fleet::missing(&to.deployment, &to.cloud).await?;
    if !missing.is_empty() {
        bail!(
            "these secrets do not exist: {}; `clawbake secrets set NAME` or `clawbake secrets generate NAME` makes one",
            missing.join(", ")
        );
    }
    rollout::ensure_none(from).await?;
    rollout::ensure_none(to).await?;
    if state::disk(from).await?.is_none() {
        let name = &from.deployment.name;
        let why = format!("{name} has no state disk, and so nothing to take over");
        return refuse(Gate::State, why);
    }
    let disk = state::disk(to).await?;
    let vm = fleet::find(to).await?;
    if disk.is_some() || vm.is_some() {
        let (name, disk) = (&to.deployment.name, fleet::state_disk_name(&to.deployment));
        let why = format!(
            "{name} has a VM or a state disk already: `clawbake delete --state-disk {disk}` deletes both, or give \
             the deployment another name"
        );
        return refuse(Gate::State, why);
    }
    Ok(())
}

/// Why the two deployments do not fit, if they do not.
pub(super) fn mismatch(between: &Between) -> Option<String> {
    let Between { from, to } = between;
    let (old, new) = (&from.deployment, &to.deployment);
    let gateway = &old.recipe.gateway.release.npm;
    let adopts = new.recipe.gateway.state.adopts.as_ref();
    if old.name == new.name {
        return Some(format!(
            "both deployments are called {}: give the new one another name",
            old.name
        ));
    }
    if !from.cloud.place.is(&to.cloud.place) || from.cloud.zone != to.cloud.zone {
        return Some(format!(
            "{} and {} are not in the same project and zone: `clawbake state export` and `launch --import` carry a \
             state from one place to another",
            old.name, new.name
        ));
    }
    if adopts.is_none_or(|it| it.from != *gateway) {
        return Some(format!(
            "the recipe {} does not take over the state of {gateway}: `state.adopts` of a recipe says what it takes \
             over",
            new.recipe.name
        ));
    }
    None
}

fn refuse(gate: Gate, why: String) -> Result<()> {
    Err(Refused { gate, why }.into())
}
