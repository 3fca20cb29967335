//! The lock (`clawbake.lock`, beside `clawbake.yaml`): what a deployment runs, fact by fact.
//!
//! A bake writes it, and what it holds decides until somebody asks for something newer: the recipe may
//! name a channel, the lock names the version. The same facts are labels of the image, so that they are
//! known without a checkout: [`Lock::of_image`].

mod digest;
mod fact;
mod file;
mod label;
mod read;

use crate::names::{NpmPackage, ResourceName};
use crate::recipe::Base;
use crate::release::{Integrity, Schema, Version};

pub use digest::Digest;

/// The file's name, beside the deployment's.
pub const FILE_NAME: &str = "clawbake.lock";

/// What a deployment runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The gateway's release.
    pub gateway: Gateway,
    /// Node in the gateway's container.
    pub node: Package,
    /// npm, which installed the gateway.
    pub npm: Package,
    /// The distribution.
    pub base: Base,
    /// The state of Debian's archive.
    pub debian: Debian,
    /// Name of the image; absent while none is published.
    pub image: Option<ResourceName>,
    /// Name of the instance template; absent until there is one.
    pub template: Option<ResourceName>,
}

/// A gateway's release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The npm package.
    pub npm: NpmPackage,
    /// Its version.
    pub version: Version,
    /// Digest of its tarball.
    pub integrity: Integrity,
    /// The schemas that it writes; absent where the release names none.
    pub schema: Option<Schema>,
    /// The versions of Node that it runs with, as a range of npm; absent where the release names none, or
    /// where only an image's labels are known.
    pub engines: Option<String>,
}

/// A package of npm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its version, exactly.
    pub version: String,
    /// Digest of its tarball.
    pub integrity: Integrity,
}

impl Gateway {
    /// Its package.
    #[must_use]
    pub fn package(&self) -> Package {
        Package {
            version: self.version.to_string(),
            integrity: self.integrity.clone(),
        }
    }
}

/// The state of Debian's archive, as digests of `InRelease`. Every update changes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debian {
    /// Of the suite.
    pub suite: Digest,
    /// Of its security updates.
    pub security: Digest,
}
