//! What a build would make, before it is made.

use anyhow::{Context, Result};

use super::key::Key;
use super::sources::Sources;
use super::{container, disk, root};
use crate::recipe::Recipe;
use crate::release::Registry;

/// A recipe with every external source resolved.
#[derive(Clone)]
pub struct Plan {
    /// Name of the image: family, gateway version and content.
    pub name: String,
    pub(super) root: Key,
    pub(super) gateway: Key,
    pub(super) disk: Key,
    /// The gateway's Containerfile, fully rendered.
    pub(crate) containerfile: String,
    pub(crate) sources: Sources,
}

impl Plan {
    /// Resolves versions and the state of Debian's archive, and names the image.
    pub async fn resolve(recipe: &Recipe) -> Result<Self> {
        let http = reqwest::Client::new();
        let registry = Registry::from_environment(http.clone());
        let (sources, debian) = tokio::try_join!(
            Sources::resolve(recipe, &registry),
            debian_archive(&http, recipe.base.suite())
        )?;
        let containerfile = container::containerfile(recipe, &sources)?;
        let root = root::key(recipe, &debian);
        let gateway = container::key(recipe, &containerfile, &sources, &debian);
        let disk = disk::key(recipe, &root, &gateway)?;
        Ok(Self {
            name: image_name(recipe, &disk.short()),
            root,
            gateway,
            disk,
            containerfile,
            sources,
        })
    }

    /// Digest of everything that the image is made from.
    #[must_use]
    pub fn content(&self) -> String {
        self.disk.short()
    }

    /// Digest of everything that the gateway's container is made from.
    #[must_use]
    pub fn gateway(&self) -> String {
        self.gateway.short()
    }
}

/// The digest of a suite in Debian's archive as of today. When it changes the root is rebuilt, so that an
/// image never lacks a security update that was out when it was baked.
async fn debian_archive(http: &reqwest::Client, suite: &str) -> Result<String> {
    let mut key = Key::new("debian", 1);
    for dist in [
        format!("debian/dists/{suite}"),
        format!("debian-security/dists/{suite}-security"),
    ] {
        let url = format!("http://deb.debian.org/{dist}/InRelease");
        let response = http
            .get(&url)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        let fetching = || format!("fetching {url}");
        let release = response.with_context(fetching)?.text().await?;
        key = key.with(&dist, &release);
    }
    Ok(key.short())
}

/// `<family>-<version>-<content>`, within Compute Engine's 63 characters. The first 8 digits of the
/// digest `content` are enough to tell the images of a family apart.
pub(crate) fn image_name(recipe: &Recipe, content: &str) -> String {
    name(
        &recipe.family,
        &recipe.gateway.release.version.label(),
        content,
    )
}

fn name(family: &str, version: &str, content: &str) -> String {
    let content = &content[..8];
    let mut name = format!("{family}-{version}");
    name.truncate(63 - 1 - content.len());
    format!("{}-{content}", name.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_tell_the_release_and_stay_within_the_limit() {
        let content = "0123456789abcdef";
        let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        assert_eq!(
            image_name(&recipe, content),
            "clawdbot-gateway-2026-1-24-3-01234567"
        );
        let long = name(&"f".repeat(63), "2026-1-24", content);
        assert_eq!(long.len(), 63);
        assert!(long.ends_with("-01234567"));
    }
}
