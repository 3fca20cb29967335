//! Waiting for a builder VM.

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use super::report::{End, judge};
use crate::cloud::Cloud;
use crate::progress::Stage;
use crate::vm::Watch;

/// A bake that failed in its VM.
#[derive(Debug)]
struct BuilderFailed {
    instance: String,
    why: String,
    serial: String,
}

impl fmt::Display for BuilderFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the builder VM {} failed: {}", self.instance, self.why)?;
        if !self.serial.is_empty() {
            write!(f, "\nlast lines of its serial output:\n{}", self.serial)?;
        }
        Ok(())
    }
}

impl std::error::Error for BuilderFailed {}

/// Waits until the VM has sealed its disk and powered itself off.
pub(super) async fn until_sealed(
    cloud: &Cloud,
    name: &str,
    deadline: Duration,
    stage: &Stage,
) -> Result<()> {
    let mut watch = Watch::new(cloud.client.instances(&cloud.zone), name);
    let (why, serial) = match watch.until(|look| judge(look, deadline), stage).await? {
        End::Sealed => return Ok(()),
        End::Reported(why) => (why, String::new()),
        End::Lost(why) => (why, watch.tail()),
    };
    let instance = name.to_owned();
    Err(BuilderFailed {
        instance,
        why,
        serial,
    }
    .into())
}
