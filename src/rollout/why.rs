use std::fmt;

/// What a replacement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The same release, in a new VM.
    Recreate,
    /// A newer release.
    Rebuild,
    /// An older release.
    Rollback,
}

impl Why {
    const ALL: [Self; 3] = [Self::Recreate, Self::Rebuild, Self::Rollback];

    /// Its name: in messages, and as the value of a label.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Recreate => "recreate",
            Self::Rebuild => "rebuild",
            Self::Rollback => "rollback",
        }
    }

    /// The one of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.name() == name)
    }

    /// What a rollout is for that was begun for `begun`, and is gone on with for this. It stays what it was,
    /// unless a person wants to go back to where it goes.
    pub(super) fn over(self, begun: Self) -> Self {
        match (self, begun) {
            (Self::Rollback, Self::Recreate) => self,
            _ => begun,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
