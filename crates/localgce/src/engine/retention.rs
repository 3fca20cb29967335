//! What the engine forgets after a time, as Google does.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::Engine;
use crate::store::{objects, operations};

/// Google keeps finished operations for "a limited retention period": two weeks.
const OPERATIONS: Duration = Duration::from_hours(14 * 24);

/// A resumable upload expires after a week, as on Google
/// (<https://cloud.google.com/storage/docs/resumable-uploads>).
const UPLOADS: Duration = Duration::from_hours(7 * 24);

const HOURLY: Duration = Duration::from_hours(1);

impl Engine {
    /// Removes what has expired, now and every hour.
    pub fn retire_hourly(self: &Arc<Self>) {
        let (engine, mut hour) = (Arc::clone(self), tokio::time::interval(HOURLY));
        tokio::spawn(async move {
            loop {
                hour.tick().await;
                if let Err(error) = engine.retire() {
                    crate::log::line(format_args!("forgetting what is past its time: {error:#}"));
                }
            }
        });
    }

    fn retire(&self) -> Result<()> {
        self.store.transaction(|tx| {
            operations::forget_after(tx, OPERATIONS.as_secs())?;
            objects::expire_uploads(tx, UPLOADS.as_secs())
        })?;
        self.sweep();
        Ok(())
    }
}
