use std::fmt;
use std::str::FromStr;

use crate::document::Refusal;
use crate::names::Sha256;

/// A SHA-256 as far as a label has room for it, 60 hex digits; written `sha256-<digits>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(String);

impl Digest {
    const DIGITS: usize = 60;

    /// The beginning of a whole SHA-256 in lower-case hexadecimal.
    #[must_use]
    pub fn of(sha256: &Sha256) -> Self {
        Self(sha256[..Self::DIGITS].to_owned())
    }

    /// As a label's value.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.0
    }

    /// What [`Digest::label`] returned.
    #[must_use]
    pub fn of_label(text: &str) -> Option<Self> {
        let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        (text.len() == Self::DIGITS && text.chars().all(digit)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256-{}", self.0)
    }
}

impl FromStr for Digest {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let digest = text.strip_prefix("sha256-").and_then(Self::of_label);
        digest.ok_or_else(|| {
            Refusal::new(
                format!("`{text}` is not a digest of Debian's archive"),
                "`sha256-` and the first 60 hex digits",
            )
        })
    }
}
