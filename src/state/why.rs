use std::fmt;
use std::str::FromStr;

/// What a snapshot was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Somebody asked for it.
    Asked,
    /// A rollout may have to come back to it.
    Change,
    /// A release is rehearsed on a copy of it.
    Rehearsal,
    /// Another snapshot takes its place.
    Restore,
    /// Another gateway takes it over.
    Migration,
    /// It becomes an archive.
    Export,
}

impl Why {
    const ALL: [Self; 6] = [
        Self::Asked,
        Self::Change,
        Self::Rehearsal,
        Self::Restore,
        Self::Migration,
        Self::Export,
    ];

    /// The value of its label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Change => "before-change",
            Self::Rehearsal => "rehearsal",
            Self::Restore => "before-restore",
            Self::Migration => "before-migration",
            Self::Export => "export",
        }
    }

    /// Whether it was taken to be gone back to. One that another takes the place of is no state that anybody
    /// wanted, and what is rehearsed or written to an archive goes again at once.
    #[must_use]
    pub fn is_a_way_back(self) -> bool {
        matches!(self, Self::Asked | Self::Change | Self::Migration)
    }

    /// Whether it was taken on the way of a change, and goes once there are enough of its kind.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Change | Self::Restore | Self::Migration)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Why {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|why| why.label() == text)
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::LabelValue;

    #[test]
    fn every_reason_is_read_back_and_fits_a_label() {
        for why in Why::ALL {
            assert_eq!(why.label().parse(), Ok(why));
            assert!(why.label().parse::<LabelValue>().is_ok());
        }
        assert!("somebody-elses".parse::<Why>().is_err());
    }
}
