use std::fmt;

use serde::Serialize;

use crate::release::{Reason, Version};

/// Whether there is something newer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "camelCase")]
pub enum Verdict {
    /// No.
    Nothing {
        /// What runs, and is the newest there is.
        version: Option<Version>,
    },
    /// Yes.
    New(Update),
    /// Yes, but it is not taken.
    Held {
        /// How many failures in a row have stopped updates until `--retry`; absent while they have not.
        #[serde(skip_serializing_if = "Option::is_none")]
        stopped: Option<u32>,
        /// What is held, and why.
        held: Vec<Held>,
    },
}

/// What an update would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Update {
    /// The gateway's version after it: the one to bake.
    pub version: Version,
    /// What is new, at least one.
    pub changes: Vec<Change>,
    /// Newer releases that are not taken.
    pub held: Vec<Held>,
}

/// One thing that is new. It is called as in the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Such as `gateway.version` or `debian.security`.
    pub what: &'static str,
    /// What runs; absent where that is not known.
    pub from: Option<String>,
    /// What is new.
    pub to: String,
}

/// A release that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Its version.
    pub version: Version,
    /// Why not.
    #[serde(flatten)]
    pub reason: Reason,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing { version: None } => f.write_str("nothing new"),
            Self::Nothing {
                version: Some(version),
            } => write!(f, "nothing new: {version} is the newest"),
            Self::New(update) => {
                write!(f, "new:")?;
                for change in &update.changes {
                    write!(f, "\n  {change}")?;
                }
                held(f, &update.held)
            }
            Self::Held { stopped, held: of } => {
                f.write_str("held")?;
                if let Some(failures) = stopped {
                    write!(
                        f,
                        ": {failures} updates in a row have failed, and none is tried until \
                         `clawbake rebuild --retry`"
                    )?;
                }
                held(f, of)
            }
        }
    }
}

fn held(f: &mut fmt::Formatter<'_>, held: &[Held]) -> fmt::Result {
    held.iter()
        .try_for_each(|Held { version, reason }| write!(f, "\n  not {version}: {reason}"))
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, from, to } = self;
        if what.starts_with("debian") {
            return write!(f, "{what}: the archive has changed");
        }
        write!(f, "{what}: {} -> {to}", from.as_deref().unwrap_or("none"))
    }
}
