use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::document::Refusal;

/// Releases from this patch number on belong to the extended-stable line, never to stable.
const EXTENDED_STABLE_FROM: u32 = 33;

/// A gateway version `YYYY.M.PATCH`, `YYYY.M.PATCH-alpha.N`, `YYYY.M.PATCH-beta.N` or the correction `YYYY.M.PATCH-N`.
///
/// The order is upstream's, not semver's: a correction is newer than what it corrects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    year: u32,
    month: u32,
    patch: u32,
    stage: Stage,
}

/// In order of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    Alpha(u32),
    Beta(u32),
    Release,
    Correction(u32),
}

impl Version {
    /// The channel that this version was published on.
    #[must_use]
    pub fn channel(self) -> Channel {
        match self.stage {
            Stage::Alpha(_) => Channel::Dev,
            Stage::Beta(_) => Channel::Beta,
            _ if self.patch >= EXTENDED_STABLE_FROM => Channel::ExtendedStable,
            _ => Channel::Stable,
        }
    }

    /// The version within a Google name or label, which have no room for dots: `2026-1-24-3`.
    #[must_use]
    pub fn label(self) -> String {
        self.to_string().replace('.', "-")
    }

    /// The version that has this [`Version::label`].
    #[must_use]
    pub fn of_label(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, patch, suffix @ ..] = parts.as_slice() else {
            return None;
        };
        let suffix = match suffix {
            [] => String::new(),
            suffix => format!("-{}", suffix.join(".")),
        };
        format!("{year}.{month}.{patch}{suffix}").parse().ok()
    }
}

impl FromStr for Version {
    type Err = Refusal;

    /// Accepts the leading `v` of a git tag.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let parse = || {
            let bare = text.strip_prefix('v').unwrap_or(text);
            let (release, suffix) = bare
                .split_once('-')
                .map_or((bare, None), |(r, s)| (r, Some(s)));
            let stage = match suffix {
                None => Stage::Release,
                Some(suffix) => match suffix.split_once('.') {
                    Some(("alpha", n)) => Stage::Alpha(number(n)?),
                    Some(("beta", n)) => Stage::Beta(number(n)?),
                    Some(_) => return None,
                    None => Stage::Correction(number(suffix)?),
                },
            };
            let mut parts = release.split('.').map(number);
            let version = Self {
                year: parts.next()??,
                month: parts.next()??,
                patch: parts.next()??,
                stage,
            };
            let dated = version.year >= 2000 && (1..=12).contains(&version.month);
            (dated && parts.next().is_none()).then_some(version)
        };
        parse().ok_or_else(|| {
            Refusal::new(
                format!("`{text}` is not a gateway version"),
                "YYYY.M.PATCH, then nothing, `-N`, `-beta.N` or `-alpha.N`, such as 2026.1.24-3; \
                 moving tags such as `latest` cannot be baked",
            )
        })
    }
}

/// A number in its only spelling: without leading zeros or signs.
fn number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.year, self.month, self.patch)?;
        match self.stage {
            Stage::Alpha(n) => write!(f, "-alpha.{n}"),
            Stage::Beta(n) => write!(f, "-beta.{n}"),
            Stage::Release => Ok(()),
            Stage::Correction(n) => write!(f, "-{n}"),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Upstream's release channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// What most people run.
    Stable,
    /// Candidates for stable, and stable itself.
    Beta,
    /// Whatever is newest.
    Dev,
    /// The extended-stable line.
    ExtendedStable,
}

impl Channel {
    /// Its dist-tag on npm.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Stable => "latest",
            Self::Beta => "beta",
            Self::Dev => "dev",
            Self::ExtendedStable => "extended-stable",
        }
    }

    /// Whether a follower of this channel may get `version`.
    #[must_use]
    pub fn admits(self, version: Version) -> bool {
        match self {
            Self::Dev => true,
            Self::Beta => [Self::Stable, Self::Beta].contains(&version.channel()),
            Self::Stable | Self::ExtendedStable => version.channel() == self,
        }
    }
}

impl FromStr for Channel {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        Ok(match text {
            "stable" => Self::Stable,
            "beta" => Self::Beta,
            "dev" => Self::Dev,
            "extended-stable" => Self::ExtendedStable,
            _ => {
                return Err(Refusal::new(
                    format!("`{text}` is not a release channel"),
                    "one of stable, beta, dev, extended-stable",
                ));
            }
        })
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Beta => "beta",
            Self::Dev => "dev",
            Self::ExtendedStable => "extended-stable",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    /// Oldest first. Semver would sort corrections before their release.
    const IN_ORDER: [&str; 12] = [
        "2025.12.30",
        "2026.1.5-3",
        "2026.1.24-alpha.9",
        "2026.1.24-beta.1",
        "2026.1.24-beta.2",
        "2026.1.24-beta.10",
        "2026.1.24",
        "2026.1.24-1",
        "2026.1.24-3",
        "2026.1.24-10",
        "2026.1.25-beta.1",
        "2026.10.1",
    ];

    #[test]
    fn every_pair_compares_as_upstream_does() {
        for (i, a) in IN_ORDER.iter().enumerate() {
            for (j, b) in IN_ORDER.iter().enumerate() {
                assert_eq!(version(a).cmp(&version(b)), i.cmp(&j), "{a} against {b}");
            }
        }
    }

    #[test]
    fn printing_and_parsing_are_inverse() {
        for patch in [0, 1, 24, 33, 120] {
            for n in [0, 1, 9, 10] {
                for suffix in [
                    String::new(),
                    format!("-{n}"),
                    format!("-alpha.{n}"),
                    format!("-beta.{n}"),
                ] {
                    let text = format!("2026.{}.{patch}{suffix}", 1 + n);
                    assert_eq!(version(&text).to_string(), text);
                    assert_eq!(version(&format!("v{text}")), version(&text));
                }
            }
        }
    }

    #[test]
    fn a_label_holds_what_google_takes() {
        assert_eq!(version("2026.1.24-3").label(), "2026-1-24-3");
        assert_eq!(version("2026.1.24-beta.2").label(), "2026-1-24-beta-2");
        for text in IN_ORDER {
            assert_eq!(
                Version::of_label(&version(text).label()),
                Some(version(text))
            );
        }
        for text in ["", "2026-1", "2026-1-24-beta", "2026-1-24-3-4", "2026.1.24"] {
            assert_eq!(Version::of_label(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in [
            "",
            "latest",
            "2026.1",
            "2026.1.2.3",
            "2026.01.2",
            "2026.1.24-",
            "2026.1.24-beta",
            "26.1.2",
            "2026.13.1",
            "2026.1.24-rc.1",
            "2026.1.24-3-4",
            "2026.1.+4",
            " 2026.1.24",
            "vv2026.1.24",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn patch_33_begins_the_extended_stable_line() {
        assert_eq!(version("2026.1.32-4").channel(), Channel::Stable);
        assert_eq!(version("2026.1.33").channel(), Channel::ExtendedStable);
        assert!(!Channel::Stable.admits(version("2026.1.33")));
        assert!(!Channel::Stable.admits(version("2026.1.24-beta.1")));
        assert!(Channel::Beta.admits(version("2026.1.24")));
        assert!(Channel::ExtendedStable.admits(version("2026.1.40-1")));
        assert!(!Channel::ExtendedStable.admits(version("2026.1.40-beta.1")));
    }
}
