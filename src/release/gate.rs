//! What keeps a release from being baked: its own word, compared with what runs and what is wished (pure).

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use nodejs_semver::Range;
use serde::{Serialize, Serializer};

use super::{Schema, Version};

/// A release as its publisher describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its version.
    pub version: Version,
    /// The versions of Node that it runs with, as a range of npm.
    pub engines: Option<String>,
    /// The schemas that it writes.
    pub schema: Option<Schema>,
    /// Why its publisher advises against it.
    pub deprecated: Option<String>,
    /// When it was published, if that is known.
    pub published: Option<Timestamp>,
}

/// What a release is measured by.
#[derive(Debug, Clone)]
pub struct Standard {
    /// What runs, if anything.
    pub current: Option<Version>,
    /// The schemas that it has written.
    pub schema: Option<Schema>,
    /// The version of Node that the image will have.
    pub node: String,
    /// Versions that are not wanted.
    pub ignored: Vec<Version>,
    /// How old a release must be, in days.
    pub minimum_age_days: u32,
    /// Now.
    pub now: Timestamp,
}

/// Why a release is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The deployment says so.
    Ignored,
    /// Its publisher does.
    Deprecated(String),
    /// It is not old enough, or nobody knows its age.
    Young {
        /// Whole days since it was published.
        days: Option<i64>,
        /// Days that it must have.
        wanted: u32,
    },
    /// It is older than what runs, on the same channel.
    Down(Version),
    /// It would not read what is written now.
    Schema {
        /// What is written now.
        from: Schema,
        /// What it reads and writes; it may not say.
        to: Option<Schema>,
    },
    /// It does not run with the image's Node.
    Engines {
        /// What it runs with.
        range: String,
        /// Node's version in the image.
        node: String,
    },
    /// It is not newer than a release that failed.
    Failed {
        /// The one that failed.
        version: Version,
        /// At which gate.
        by: String,
    },
    /// It is not newer than a release that a person went back from.
    RolledBack {
        /// The one that was left.
        version: Version,
        /// When, where that is known.
        at: Option<Timestamp>,
    },
    /// It is newer than what the recipe or the deployment pins.
    Pinned(Version),
}

impl Reason {
    /// Whether an older release may be taken in its place. Not where the release itself is at fault: what
    /// lies between was superseded for a reason.
    #[must_use]
    pub fn passes_over(&self) -> bool {
        matches!(
            self,
            Self::Ignored | Self::Deprecated(_) | Self::Young { .. }
        )
    }

    /// The gate's name.
    #[must_use]
    pub fn gate(&self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Deprecated(_) => "deprecated",
            Self::Young { .. } => "age",
            Self::Down(_) => "down",
            Self::Schema { .. } => "schema",
            Self::Engines { .. } => "engines",
            Self::Failed { .. } => "failed",
            Self::RolledBack { .. } => "rolled-back",
            Self::Pinned(_) => "pinned",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored => f.write_str("`updates.ignore` names it"),
            Self::Deprecated(why) => write!(f, "its publisher advises against it: {why}"),
            Self::Young {
                days: Some(days),
                wanted,
            } => write!(
                f,
                "it is {days} days old, and `updates.minimum_age_days` is {wanted}"
            ),
            Self::Young { days: None, wanted } => write!(
                f,
                "its age is not known, and `updates.minimum_age_days` is {wanted}"
            ),
            Self::Down(from) => write!(
                f,
                "it is older than {from}, which runs: `clawbake rollback` goes back"
            ),
            Self::Schema { from, to: Some(to) } => write!(
                f,
                "it writes schema {to}, and the state may be at {from} already: it would not read it"
            ),
            Self::Schema { from, to: None } => write!(
                f,
                "it does not say which schema it writes, and the state may be at {from} already"
            ),
            Self::Engines { range, node } => write!(
                f,
                "it runs with Node {range}, and the image would have {node}: change `container.node` in the recipe"
            ),
            Self::Failed { version, by } => {
                write!(
                    f,
                    "{version} failed ({by}), and only a newer one is tried: "
                )?;
                f.write_str("`clawbake rebuild --retry` tries it again")
            }
            Self::RolledBack { version, at } => {
                write!(f, "{version} was rolled back by a person")?;
                if let Some(at) = at {
                    write!(f, " on {}", at.strftime("%F"))?;
                }
                f.write_str(", and only a newer one is tried: ")?;
                f.write_str("`clawbake rebuild --retry` tries it again")
            }
            Self::Pinned(version) => write!(f, "{version} is pinned"),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("Reason", 2)?;
        object.serialize_field("gate", self.gate())?;
        object.serialize_field("why", &self.to_string())?;
        object.end()
    }
}

/// The first gate that a release does not pass, if any.
#[must_use]
pub fn gate(candidate: &Candidate, standard: &Standard) -> Option<Reason> {
    let Candidate {
        version,
        engines,
        schema,
        deprecated,
        published,
    } = candidate;
    // Releases of different channels do not compare: a beta sorts after stable releases built later.
    if let Some(current) = standard.current
        && current.channel() == version.channel()
        && *version < current
    {
        return Some(Reason::Down(current));
    }
    if standard.ignored.contains(version) {
        return Some(Reason::Ignored);
    }
    if let Some(why) = deprecated {
        return Some(Reason::Deprecated(why.clone()));
    }
    let wanted = standard.minimum_age_days;
    if wanted > 0 {
        let age = published.map(|published| standard.now.duration_since(published));
        if age.is_none_or(|age| age < SignedDuration::from_hours(24 * i64::from(wanted))) {
            let days = age.map(|age| age.as_hours() / 24);
            return Some(Reason::Young { days, wanted });
        }
    }
    if let Some(from) = standard.schema
        && schema.is_none_or(|to| !to.at_least(from))
    {
        return Some(Reason::Schema { from, to: *schema });
    }
    if let Some(range) = engines
        && !runs_with(range, &standard.node)
    {
        return Some(Reason::Engines {
            range: range.clone(),
            node: standard.node.clone(),
        });
    }
    None
}

/// Whether a version of Node is in a range, by npm's rules. A range that cannot be read holds none.
#[must_use]
pub fn runs_with(range: &str, node: &str) -> bool {
    let Ok(node) = nodejs_semver::Version::parse(node) else {
        return false;
    };
    // The parser takes comparators that exclude each other for alternatives, so it gets one at a time.
    let holds = |set: &str| -> Option<bool> {
        let mut all = true;
        for comparator in comparators(set) {
            all &= Range::parse(comparator).ok()?.satisfies(&node);
        }
        Some(all)
    };
    let sets: Option<Vec<bool>> = range.split("||").map(holds).collect();
    sets.is_some_and(|sets| sets.contains(&true))
}

/// The comparators of a set, all of which must hold: `>= 22 <24` has two, and so has `22 - 24`.
fn comparators(set: &str) -> Vec<String> {
    let mut comparators = Vec::new();
    let mut operator = String::new();
    let mut words = set.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if word.chars().all(|c| "<>=~^v".contains(c)) {
            operator += word;
        } else if words.next_if(|next| *next == "-").is_some() {
            comparators.push(format!(">={word}"));
            "<=".clone_into(&mut operator);
        } else {
            comparators.push(std::mem::take(&mut operator) + word);
        }
    }
    comparators
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn candidate(text: &str) -> Candidate {
        Candidate {
            version: version(text),
            engines: Some(">=24.16.0 <25 || >=26.1.0".into()),
            schema: Some(Schema {
                state: 18,
                agent: 23,
            }),
            deprecated: None,
            published: Some("2026-09-20T00:00:00Z".parse().unwrap()),
        }
    }

    fn standard() -> Standard {
        Standard {
            current: Some(version("2026.9.5")),
            schema: Some(Schema {
                state: 17,
                agent: 21,
            }),
            node: "24.18.0".into(),
            ignored: Vec::new(),
            minimum_age_days: 0,
            now: "2026-09-22T23:59:59Z".parse().unwrap(),
        }
    }

    fn judged(change: impl FnOnce(&mut Candidate, &mut Standard)) -> Option<&'static str> {
        let (mut candidate, mut standard) = (candidate("2026.9.6"), standard());
        change(&mut candidate, &mut standard);
        gate(&candidate, &standard).map(|reason| reason.gate())
    }

    #[test]
    fn each_gate_holds_what_it_is_for() {
        assert_eq!(judged(|_, _| {}), None);
        assert_eq!(judged(|_, s| s.current = None), None);
        let schema = |state, agent| Some(Schema { state, agent });
        assert_eq!(judged(|_, s| s.schema = schema(18, 23)), None);
        assert_eq!(judged(|_, s| s.schema = schema(19, 23)), Some("schema"));
        assert_eq!(judged(|_, s| s.schema = schema(18, 24)), Some("schema"));
        assert_eq!(judged(|c, _| c.schema = None), Some("schema"));
        assert_eq!(judged(|c, s| (c.schema, s.schema) = (None, None)), None);
        assert_eq!(judged(|_, s| s.node = "24.15.9".into()), Some("engines"));
        assert_eq!(judged(|_, s| s.node = "25.9.0".into()), Some("engines"));
        assert_eq!(judged(|c, _| c.engines = None), None);
        assert_eq!(judged(|c, _| c.engines = Some("?".into())), Some("engines"));
        let broken = |c: &mut Candidate| c.deprecated = Some("broken".into());
        assert_eq!(judged(|c, _| broken(c)), Some("deprecated"));
        assert_eq!(judged(|c, s| s.ignored.push(c.version)), Some("ignored"));
        assert_eq!(judged(|_, s| s.minimum_age_days = 2), None);
        assert_eq!(judged(|_, s| s.minimum_age_days = 3), Some("age"));
        let ageless = |c: &mut Candidate, s: &mut Standard| {
            (c.published, s.minimum_age_days) = (None, 1);
        };
        assert_eq!(judged(ageless), Some("age"));
    }

    #[test]
    fn down_is_refused_within_a_channel_alone() {
        let down = |from: &str, to: &str| {
            let mut standard = standard();
            standard.current = Some(version(from));
            gate(&candidate(to), &standard).is_some()
        };
        assert!(down("2026.9.6", "2026.9.5"));
        assert!(down("2026.9.6-1", "2026.9.6"));
        assert!(down("2026.9.7-beta.2", "2026.9.7-beta.1"));
        assert!(!down("2026.9.5", "2026.9.5-1"));
        // The beta sorts after the stable release, and may have been built before it.
        assert!(!down("2026.9.7-beta.1", "2026.9.6"));
        assert!(!down("2026.7.35", "2026.7.1-2"));
    }
}
