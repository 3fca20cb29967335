//! From what was observed to a verdict (pure).

use super::verdict::{Change, Held, Update, Verdict};
use crate::bake::{LIMIT, Memory, Refusal};
use crate::deployment::Deployment;
use crate::lock::{Debian, Lock};
use crate::release::{Candidate, Feed, Reason, Schema, Standard, Version, gate};

use jiff::Timestamp;

/// What there is.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    /// The gateway that runs; absent where nothing was baked.
    pub current: Option<Version>,
    /// What else runs, as far as it is known.
    pub lock: Option<Lock>,
    /// The schemas that the state was written with.
    pub schema: Option<Schema>,
    /// What failed before.
    pub memory: Memory,
    /// What the source offers.
    pub feed: Feed,
    /// The newest versions of Node and npm that the recipe admits.
    pub node: String,
    pub npm: String,
    /// Debian's archive.
    pub debian: Debian,
    /// When this was.
    pub now: Timestamp,
}

pub(super) fn decide(deployment: &Deployment, observed: &Observed, retry: bool) -> Verdict {
    let (chosen, held) = choose(deployment, observed, retry);
    let release = &deployment.recipe.gateway.release;
    // What the recipe does not admit any more is not baked again.
    let current = observed
        .current
        .filter(|current| release.admits(&release.npm, *current));
    let Some(version) = chosen.or(current) else {
        return if held.is_empty() {
            Verdict::Nothing {
                version: observed.current,
            }
        } else {
            Verdict::Held {
                stopped: None,
                held,
            }
        };
    };
    let changes = changes(observed, version);
    let stopped = (observed.memory.failures >= LIMIT && !retry).then_some(observed.memory.failures);
    match (changes.is_empty(), stopped) {
        (true, _) if held.is_empty() => Verdict::Nothing {
            version: Some(version),
        },
        (true, stopped) | (false, stopped @ Some(_)) => Verdict::Held { stopped, held },
        (false, None) => Verdict::New(Update {
            version,
            changes,
            held,
        }),
    }
}

/// The release to take, if any, and those that are not taken.
fn choose(
    deployment: &Deployment,
    observed: &Observed,
    retry: bool,
) -> (Option<Version>, Vec<Held>) {
    let Observed {
        current,
        memory,
        feed,
        ..
    } = observed;
    let updates = &deployment.updates;
    let standard = Standard {
        current: *current,
        schema: observed.schema,
        node: observed.node.clone(),
        ignored: updates.ignore.clone(),
        minimum_age_days: updates.minimum_age_days,
        now: observed.now,
    };
    let refused =
        |version: Version| (!retry && memory.covers(version)).then(|| why(memory, version));
    let (candidates, mut held) = wanted(deployment, feed, *current);
    for candidate in candidates {
        let version = candidate.version;
        let Some(reason) = refused(version).or_else(|| gate(candidate, &standard)) else {
            return (Some(version), held);
        };
        let next = reason.passes_over();
        held.push(Held { version, reason });
        if !next {
            break;
        }
    }
    (None, held)
}

/// Why a release is refused that the memory covers.
fn why(memory: &Memory, version: Version) -> Reason {
    let version = memory.refused.unwrap_or(version);
    match &memory.by {
        Some(Refusal { gate: None, at }) => Reason::RolledBack { version, at: *at },
        by => Reason::Failed {
            version,
            by: by
                .as_ref()
                .and_then(|by| by.gate.clone())
                .unwrap_or_default(),
        },
    }
}

/// The releases that may be taken, best first, and those that a pin keeps from it.
fn wanted<'a>(
    deployment: &Deployment,
    feed: &'a Feed,
    current: Option<Version>,
) -> (Vec<&'a Candidate>, Vec<Held>) {
    let Some(pin) = deployment.recipe.gateway.release.version else {
        return (feed.newer(current), Vec::new());
    };
    let newer = |offered: &Version| offered.channel() == pin.channel() && *offered > pin;
    let held = feed.offered.filter(newer).map(|version| Held {
        version,
        reason: Reason::Pinned(pin),
    });
    let pinned = (current != Some(pin)).then(|| feed.candidates.get(&pin));
    (
        pinned.flatten().into_iter().collect(),
        held.into_iter().collect(),
    )
}

/// What differs between what runs and what would be baked.
fn changes(observed: &Observed, version: Version) -> Vec<Change> {
    let lock = observed.lock.as_ref();
    let (node, npm) = (lock.map(|it| &it.node), lock.map(|it| &it.npm));
    let debian = lock.map(|it| &it.debian);
    let facts = [
        (
            "gateway.version",
            observed.current.map(|it| it.to_string()),
            version.to_string(),
        ),
        (
            "node.version",
            node.map(|it| it.version.clone()),
            observed.node.clone(),
        ),
        (
            "npm.version",
            npm.map(|it| it.version.clone()),
            observed.npm.clone(),
        ),
        (
            "debian.suite",
            debian.map(|it| it.suite.to_string()),
            observed.debian.suite.to_string(),
        ),
        (
            "debian.security",
            debian.map(|it| it.security.to_string()),
            observed.debian.security.to_string(),
        ),
    ];
    let new = facts
        .into_iter()
        .filter(|(_, from, to)| from.as_ref() != Some(to));
    new.map(|(what, from, to)| Change { what, from, to })
        .collect()
}

#[cfg(test)]
mod tests;
