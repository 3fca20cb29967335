use std::fmt;

use gce::{Instance, Instances};
use serde::de::DeserializeOwned;

use super::attribute;

/// Guest attribute with the last report; `clawbake-phase` writes it.
const ATTRIBUTE: &str = "clawbake/phase";

/// What a VM says of its own progress.
pub(crate) trait Report: DeserializeOwned {
    /// How far it is.
    type Phase: fmt::Display + PartialEq;

    /// How far the VM is.
    fn phase(&self) -> Self::Phase;
}

/// The VM's last report since its last start.
pub(crate) async fn report<R: Report>(
    instances: &Instances,
    instance: &Instance,
) -> gce::Result<Option<R>> {
    attribute(instances, instance, ATTRIBUTE).await
}
