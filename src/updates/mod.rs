//! Whether there is something newer than what a deployment runs: looks at the sources, at the lock or the image
//! in front, at Debian's archive and at what failed before, and decides without doing anything.

mod decide;
mod observe;
mod verdict;

use anyhow::Result;

use crate::run::Run;

pub use verdict::{Change, Held, Update, Verdict};

/// Looks and decides. With `retry`, what failed before counts no more.
pub async fn check(run: &Run, retry: bool) -> Result<Verdict> {
    let observed = observe::observe(run).await?;
    Ok(decide::decide(&run.deployment, &observed, retry))
}
