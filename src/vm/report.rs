use std::fmt;

use gce::{Instance, Instances};
use serde::de::DeserializeOwned;

use super::attribute;

/// What a VM says of its own progress.
pub(crate) trait Report: DeserializeOwned {
    /// How far it is.
    type Phase: fmt::Display + PartialEq;

    /// Guest attribute with the last one; `clawbake-phase` writes that of phases.
    const ATTRIBUTE: &'static str = "clawbake/phase";

    /// How far the VM is.
    fn phase(&self) -> Self::Phase;

    /// What whoever waits is told of it.
    fn note(&self) -> Option<String> {
        Some(format!("phase {}", self.phase()))
    }
}

/// The VM's last report since its last start.
pub(crate) async fn report<R: Report>(
    instances: &Instances,
    instance: &Instance,
) -> gce::Result<Option<R>> {
    attribute(instances, instance, R::ATTRIBUTE).await
}
