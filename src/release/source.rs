//! Where it is said that a release is out: npm's dist-tags, or a project's releases on GitHub, the tags of an
//! image in a registry, or those of a git repository. The package itself is npm's in each case.

use std::fmt;

use anyhow::{Context, Result};

use super::{Channel, Feed, Registry, Version, Web, git, github, oci};

/// Where a recipe's releases are announced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// npm's dist-tags.
    #[default]
    Npm,
    /// The releases of a repository, `owner/name`.
    Github(String),
    /// The tags of an image, `registry/name`.
    Image(String),
    /// The tags of a repository, by its URL.
    Git(String),
}

impl Source {
    /// The versions that are announced; `None` where npm's dist-tags decide.
    async fn announced(&self, web: &Web) -> Result<Option<Vec<Version>>> {
        let versions = match self {
            Self::Npm => return Ok(None),
            Self::Github(repository) => {
                let api = github::Api::from_environment();
                github::released(web, &api, repository).await?
            }
            Self::Image(image) => versions(&oci::tags(web, image).await?),
            Self::Git(url) => versions(&git::tags(web, url).await?),
        };
        Ok(Some(versions))
    }

    /// The releases of npm's package `npm`, and the one that is offered on a channel.
    pub async fn feed(
        &self,
        web: &Web,
        registry: &Registry,
        npm: &str,
        channel: Channel,
    ) -> Result<Feed> {
        let (packument, announced) =
            tokio::try_join!(registry.packument(npm), self.announced(web))?;
        let mut feed = Feed::of_npm(&packument, channel);
        if let Some(announced) = announced {
            feed.offered = newest(&announced, &feed, channel);
        }
        Ok(feed)
    }

    /// What a feed offers.
    ///
    /// # Errors
    /// If that is nothing: a channel without a release is never another channel's.
    pub fn offered(&self, feed: &Feed, npm: &str, channel: Channel) -> Result<Version> {
        feed.offered.with_context(|| match self {
            Self::Npm => format!(
                "npm offers no {npm} on the channel {channel}: its dist-tag `{}` is missing, or names no \
                 release that can be baked; name a version or another channel",
                channel.tag()
            ),
            source => format!(
                "{source} announces no release on the channel {channel} that npm's {npm} has"
            ),
        })
    }
}

/// The newest version that npm has too. On beta that is a candidate, or the stable release that it became.
fn newest(announced: &[Version], feed: &Feed, channel: Channel) -> Option<Version> {
    let admitted = announced.iter().filter(|version| channel.admits(**version));
    admitted
        .filter(|version| feed.candidates.contains_key(version))
        .max()
        .copied()
}

/// What can be read of a list of tags as versions.
fn versions(tags: &[String]) -> Vec<Version> {
    tags.iter().filter_map(|tag| tag.parse().ok()).collect()
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Npm => f.write_str("npm"),
            Self::Github(repository) => write!(f, "github.com/{repository}"),
            Self::Image(name) | Self::Git(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests;
