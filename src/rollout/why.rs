use std::fmt;

/// What a replacement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The same release, in a new VM.
    Recreate,
    /// A newer release.
    Rebuild,
    /// An older release.
    Rollback,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recreate => "recreate",
            Self::Rebuild => "rebuild",
            Self::Rollback => "rollback",
        })
    }
}
