//! Which release failed, as the image in front of the family remembers it: every machine sees it, and a newer
//! front has none of it (pure).

use gce::Image;

use crate::labels::{FAILURES, REFUSED, REFUSED_BY};
use crate::release::Version;

/// How many failures in a row stop further attempts.
pub const LIMIT: u32 = 3;

/// What failed since the image in front was promoted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// The release that failed last.
    pub refused: Option<Version>,
    /// The gate at which it did.
    pub by: Option<String>,
    /// How many failed in a row.
    pub failures: u32,
}

impl Memory {
    /// What an image remembers. A number that cannot be read counts as too many: somebody has to look.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        let label = |key: &str| image.labels.get(key);
        Self {
            refused: label(REFUSED).and_then(|it| Version::of_label(it)),
            by: label(REFUSED_BY).cloned(),
            failures: label(FAILURES).map_or(0, |it| it.parse().unwrap_or(LIMIT)),
        }
    }

    /// Whether a release is the one that failed, or older than it on the same channel.
    #[must_use]
    pub fn covers(&self, version: Version) -> bool {
        let older = |refused: Version| {
            refused.channel() == version.channel() && version <= refused || refused == version
        };
        self.refused.is_some_and(older)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_remembers_the_last_failure_and_how_many() {
        let image = |labels: &[(&str, &str)]| Image {
            labels: labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..Image::default()
        };
        assert_eq!(Memory::of(&image(&[])), Memory::default());
        let memory = Memory::of(&image(&[
            (REFUSED, "2026-9-5"),
            (REFUSED_BY, "rehearsal"),
            (FAILURES, "2"),
        ]));
        assert_eq!(memory.failures, 2);
        assert_eq!(memory.by.as_deref(), Some("rehearsal"));
        let covers = |text: &str| memory.covers(text.parse().unwrap());
        assert!(covers("2026.9.5") && covers("2026.9.4"));
        assert!(!covers("2026.9.5-1") && !covers("2026.9.6"));
        // Of another channel: it does not compare.
        assert!(!covers("2026.9.4-beta.1"));
        assert_eq!(Memory::of(&image(&[(FAILURES, "many")])).failures, LIMIT);
    }
}
