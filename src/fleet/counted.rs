use anyhow::{Context, Result};

use crate::cloud::Cloud;
use crate::vm::{self, Counts};

/// What the gateway of a VM counted in its state when it became ready, since the VM's last start. `None`
/// as long as it has not, or if its recipe counts nothing.
pub async fn counts(cloud: &Cloud, name: &str) -> Result<Option<Counts>> {
    let instances = cloud.client.instances(&cloud.zone);
    let asking = || format!("asking what the gateway of {name} has counted");
    let instance = instances.get(name).await.with_context(asking)?;
    let counts = vm::counts(&instances, &instance).await;
    counts.with_context(asking)
}
