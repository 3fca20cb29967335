//! What a build would make, before it is made.

use anyhow::{Context, Result, anyhow};
use sha2::{Digest as _, Sha256};

use super::key::{Key, hex};
use super::sources::Sources;
use super::{container, disk, root};
use crate::document::Refusal;
use crate::lock::{Debian, Digest, Lock};
use crate::recipe::{Exact, Recipe};
use crate::release::{Registry, Version, Web};

/// Largest index of Debian's archive, in bytes. trixie's has 140 kB.
const INDEX_LIMIT: usize = 8 << 20;

/// A recipe with every external source resolved.
#[derive(Clone)]
pub struct Plan {
    /// The recipe with its release.
    pub recipe: Exact,
    /// Name of the image: family, gateway version and content.
    pub name: String,
    /// What the image holds.
    pub lock: Lock,
    pub(super) root: Key,
    pub(super) gateway: Key,
    pub(super) disk: Key,
    /// The gateway's Containerfile, fully rendered.
    pub(crate) containerfile: String,
    pub(crate) sources: Sources,
}

impl Plan {
    /// Resolves what the image of a gateway version is made from, and names it. Node and npm are those of
    /// the lock where the recipe admits them, else the newest; Debian's archive is as it is now.
    ///
    /// # Errors
    /// Also if npm serves other bytes than the lock says.
    pub async fn resolve(recipe: &Recipe, version: Version, lock: Option<&Lock>) -> Result<Self> {
        let web = Web::new()?;
        let registry = Registry::from_environment(web.clone());
        let (sources, debian) = tokio::try_join!(
            Sources::resolve(recipe, version, lock, &registry),
            debian_archive(&web, recipe.base.suite())
        )?;
        let recipe = Exact {
            recipe: recipe.clone(),
            version,
            schema: sources.gateway.schema,
        };
        let archive = Key::new("debian", 2)
            .with("suite", debian.suite.label())
            .with("security", debian.security.label())
            .short();
        let containerfile = container::containerfile(&recipe, &sources)?;
        let root = root::key(&recipe, &archive);
        let gateway = container::key(&recipe, &containerfile, &sources, &archive)?;
        let disk = disk::key(&recipe, &root, &gateway)?;
        let name = image_name(&recipe.family, version, &disk.short());
        let image = name.parse();
        let image = image.map_err(|refusal: Refusal| anyhow!("{}", refusal.message))?;
        let [node, npm] = sources.locked_tools()?;
        let lock = Lock {
            gateway: sources.locked_gateway(recipe.gateway.release.npm.clone(), version)?,
            node,
            npm,
            base: recipe.base,
            debian,
            image: Some(image),
            template: None,
        };
        Ok(Self {
            recipe,
            name,
            lock,
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

/// The state of a suite in Debian's archive as of now. When it changes the root is rebuilt, so that an
/// image never lacks a security update that was out when it was baked.
pub async fn debian_archive(web: &Web, suite: &str) -> Result<Debian> {
    let digest = async |dist: String| {
        let url = format!("http://deb.debian.org/{dist}/InRelease");
        let index = web.get(&url, INDEX_LIMIT).await?;
        let digest = hex(&Sha256::digest(&index)).parse();
        let digest = digest.map_err(|refusal: Refusal| anyhow!("{}", refusal.message))?;
        anyhow::Ok(Digest::of(&digest))
    };
    let (suite, security) = tokio::try_join!(
        digest(format!("debian/dists/{suite}")),
        digest(format!("debian-security/dists/{suite}-security"))
    )
    .context("looking at Debian's archive")?;
    Ok(Debian { suite, security })
}

/// `<family>-<version>-<content>`, within Compute Engine's 63 characters. The first 8 digits of the
/// digest `content` are enough to tell the images of a family apart.
pub(crate) fn image_name(family: &str, version: Version, content: &str) -> String {
    let content = &content[..8];
    let mut name = format!("{family}-{}", version.label());
    name.truncate(63 - 1 - content.len());
    format!("{}-{content}", name.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_tell_the_release_and_stay_within_the_limit() {
        let content = "0123456789abcdef";
        let version = "2026.1.24-3".parse().unwrap();
        assert_eq!(
            image_name("clawdbot-gateway", version, content),
            "clawdbot-gateway-2026-1-24-3-01234567"
        );
        let long = image_name(&"f".repeat(63), version, content);
        assert_eq!(long.len(), 63);
        assert!(long.ends_with("-01234567"));
    }
}
