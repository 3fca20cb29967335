//! Ctrl-C and SIGTERM. The verb ends at its next await; what its run has created is then removed as by
//! `clawbake clean`, and a second signal ends that too.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output::errln;
use crate::journal::{Begun, Fate, Journals, Leftover};

/// The user or the system has ended the verb.
#[derive(Debug)]
pub(super) struct Interrupted {
    left: Vec<String>,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")?;
        if !self.left.is_empty() {
            let left = self.left.join("; ");
            write!(f, "; not cleaned up: {left}; `clawbake clean` removes it")?;
        }
        Ok(())
    }
}

impl std::error::Error for Interrupted {}

/// Runs a verb to its end, or until a signal.
pub(super) fn interruptible(
    verb: impl Future<Output = Result<()>>,
) -> impl Future<Output = Result<()>> {
    // Boxed: a verb's future is large and is held twice until the signal.
    until_signal(Box::pin(verb))
}

async fn until_signal(verb: impl Future<Output = Result<()>>) -> Result<()> {
    let began = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let listen = |kind| signal(kind).context("listening for signals");
    let mut signals = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    tokio::select! {
        result = verb => return result,
        () = arrived(&mut signals) => {}
    }
    // The verb's future is dropped, and its lock on the journal with it.
    errln!("interrupted: cleaning up (once more ends that too)");
    let left = tokio::select! {
        left = clean_up(began.as_secs()) => left?,
        () = arrived(&mut signals) => named(began.as_secs()).await?,
    };
    Err(Interrupted { left }.into())
}

async fn arrived((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Removes what this process's runs have created, and returns what could not be removed.
async fn clean_up(began: u64) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for leftover in own(began).await? {
        let Some(client) = leftover.run.place.client().await? else {
            leftover.discard()?;
            continue;
        };
        for (resource, fate) in leftover.clean(&client).await? {
            match fate {
                Fate::Failed { .. } => left.push(format!("{resource} ({fate})")),
                Fate::Removed => errln!("{resource}: {fate}"),
                _ => {}
            }
        }
    }
    Ok(left)
}

/// What this process's runs may have left behind.
async fn named(began: u64) -> Result<Vec<String>> {
    let own = own(began).await?;
    let resources = own.iter().flat_map(Leftover::resources);
    Ok(resources.map(ToString::to_string).collect())
}

/// The journals that this process has begun since then.
async fn own(began: u64) -> Result<Vec<Leftover>> {
    let own = |run: &Begun| run.pid == std::process::id() && run.began >= began;
    Journals::of_this_user()?.own(own).await
}
