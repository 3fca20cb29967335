//! What a source offers (pure).

use std::collections::BTreeMap;

use super::{Candidate, Channel, Packument, Version};

/// The releases of a package, and the one that is offered on a channel.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    /// The one that is offered; `None` where there is none, or where it is no version that can be baked.
    pub offered: Option<Version>,
    /// All that can be baked, by version.
    pub candidates: BTreeMap<Version, Candidate>,
    /// How many others there are: placeholders, and what no parser knows.
    pub skipped: usize,
}

impl Feed {
    /// What npm offers on a channel.
    #[must_use]
    pub fn of_npm(packument: &Packument, channel: Channel) -> Self {
        let candidate = |package: &super::Package| {
            let version: Version = package.version.parse().ok()?;
            let candidate = Candidate {
                version,
                engines: package.engines.clone(),
                schema: package.schema,
                deprecated: package.deprecated.clone(),
                published: packument.published.get(&package.version).copied(),
            };
            Some((version, candidate))
        };
        let packages = packument.packages.iter();
        let candidates: BTreeMap<_, _> = packages.filter_map(candidate).collect();
        let offered = packument.tagged(channel).and_then(|tag| tag.parse().ok());
        Self {
            offered: offered.filter(|version| candidates.contains_key(version)),
            skipped: packument.packages.len() - candidates.len() + packument.unread,
            candidates,
        }
    }

    /// What may be taken in place of `current`, best first: the offered release, then those between the two.
    /// Releases of different channels do not compare, so between those there is nothing.
    #[must_use]
    pub fn newer(&self, current: Option<Version>) -> Vec<&Candidate> {
        let Some(offered) = self.offered.filter(|offered| Some(*offered) != current) else {
            return Vec::new();
        };
        let between = |version: &Version| {
            current.is_some_and(|current| {
                let channels = [current.channel(), version.channel()];
                channels == [offered.channel(); 2] && *version > current
            })
        };
        let older = self.candidates.range(..offered).rev();
        let older = older.filter(|(version, _)| between(version));
        self.candidates
            .get(&offered)
            .into_iter()
            .chain(older.map(|(_, candidate)| candidate))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(offered: &str) -> Feed {
        let candidate = |text: &str| {
            let version: Version = text.parse().unwrap();
            let candidate = Candidate {
                version,
                engines: None,
                schema: None,
                deprecated: None,
                published: None,
            };
            (version, candidate)
        };
        Feed {
            offered: offered.parse().ok(),
            candidates: [
                "2026.9.4",
                "2026.9.5-beta.1",
                "2026.9.5",
                "2026.9.6",
                "2026.9.7",
                "2026.9.33",
            ]
            .map(candidate)
            .into(),
            skipped: 0,
        }
    }

    #[test]
    fn what_is_newer_ends_at_what_is_offered_and_stays_on_its_channel() {
        let newer = |current: &str, offered: &str| -> Vec<String> {
            let feed = feed(offered);
            let newer = feed.newer(current.parse().ok());
            newer.iter().map(|it| it.version.to_string()).collect()
        };
        assert_eq!(newer("2026.9.4", "2026.9.6"), ["2026.9.6", "2026.9.5"]);
        assert_eq!(newer("2026.9.6", "2026.9.6"), [""; 0]);
        assert_eq!(newer("", "2026.9.6"), ["2026.9.6"]);
        // The tag went back: the order refuses it.
        assert_eq!(newer("2026.9.6", "2026.9.5"), ["2026.9.5"]);
        assert_eq!(newer("2026.9.5-beta.1", "2026.9.6"), ["2026.9.6"]);
        assert_eq!(newer("2026.9.4", "2026.9.33"), ["2026.9.33"]);
        assert_eq!(newer("2026.9.4", "latest"), [""; 0]);
    }
}
