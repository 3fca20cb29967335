//! The npm registry: which versions there are, and where their tarballs are.

use anyhow::{Context, Result};
use serde::Deserialize;

/// npm's own environment variable for another registry, and the public registry.
const REGISTRY_VARIABLE: &str = "npm_config_registry";
const REGISTRY: &str = "https://registry.npmjs.org";

/// A client of one registry.
#[derive(Debug, Clone)]
pub struct Registry {
    http: reqwest::Client,
    url: String,
}

/// One published version of a package.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// The version, exactly.
    pub version: String,
    /// Its tarball.
    pub dist: Dist,
}

/// Where a tarball is, and its digest.
#[derive(Debug, Clone, Deserialize)]
pub struct Dist {
    /// URL of the tarball.
    pub tarball: String,
    /// Subresource integrity, `sha512-<base64>`.
    pub integrity: String,
}

#[derive(Deserialize)]
struct Packument {
    versions: std::collections::HashMap<String, Package>,
}

impl Registry {
    /// The public registry, or the one that npm's own environment variable names.
    #[must_use]
    pub fn from_environment(http: reqwest::Client) -> Self {
        let url = std::env::var(REGISTRY_VARIABLE).unwrap_or_else(|_| REGISTRY.to_owned());
        Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
        }
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The newest version of `name` that `wanted` covers, which is like `22`, `22.12` or `22.12.0`.
    pub async fn resolve(&self, name: &str, wanted: &str) -> Result<Package> {
        if wanted.split('.').count() == 3 {
            return self.get(&format!("{name}/{wanted}")).await;
        }
        let packument: Packument = self.get(name).await?;
        let prefix = format!("{wanted}.");
        packument
            .versions
            .into_values()
            .filter(|package| package.version.starts_with(&prefix))
            .filter_map(|package| Some((numbers(&package.version)?, package)))
            .max_by_key(|(numbers, _)| *numbers)
            .map(|(_, package)| package)
            .with_context(|| format!("npm has no version {wanted} of {name}"))
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        let url = format!("{}/{path}", self.url);
        let response = self
            .http
            .get(&url)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        let response = response.with_context(|| format!("asking npm for {path}"))?;
        response
            .json()
            .await
            .with_context(|| format!("reading what {url} answered"))
    }
}

/// A plain `1.2.3`: a pre-release is never the newest.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let parts: Vec<u64> = version
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers_and_prereleases_do_not_count() {
        assert!(numbers("22.9.0") < numbers("22.23.3"));
        assert_eq!(numbers("22.0.0-rc.1"), None);
    }
}
