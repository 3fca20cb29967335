//! A state that another deployment's gateway takes over is left alone.

use anyhow::Result;

use super::words;
use crate::run::Run;
use crate::state;

/// Refuses to work on a state that another deployment's gateway takes over, or has taken over: two of them
/// would speak for the same accounts.
pub async fn ensure_not_migrating(run: &Run) -> Result<()> {
    let disk = state::disk(run).await?;
    let labels = disk.map(|disk| disk.labels).unwrap_or_default();
    match state::Migration::read(&labels)? {
        Some(migration) => Err(words::migrating(&run.deployment.name, &migration).into()),
        None => Ok(()),
    }
}
