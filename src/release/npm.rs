//! The npm registry: which versions there are, what they say of themselves, and where their tarballs are.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::web::Web;
use super::{Channel, Schema, Version};

/// npm's own environment variable for another registry, and the public registry.
const REGISTRY_VARIABLE: &str = "npm_config_registry";
const REGISTRY: &str = "https://registry.npmjs.org";
/// Largest answer, in bytes. All 133 versions of openclaw take 10 MB.
const LIMIT: usize = 64 << 20;
/// Versions of one package, at most.
const VERSIONS: usize = 10_000;

/// A client of one registry.
#[derive(Debug, Clone)]
pub struct Registry {
    web: Web,
    url: String,
}

/// One published version of a package.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Wire")]
pub struct Package {
    /// The version, exactly.
    pub version: String,
    /// Its tarball.
    pub dist: Dist,
    /// The versions of Node that it runs with, as a range of npm.
    pub engines: Option<String>,
    /// The schemas that a gateway writes.
    pub schema: Option<Schema>,
    /// Why its publisher advises against it.
    pub deprecated: Option<String>,
}

/// Where a tarball is, and its digest.
#[derive(Debug, Clone, Deserialize)]
pub struct Dist {
    /// URL of the tarball.
    pub tarball: String,
    /// Subresource integrity, `sha512-<base64>`.
    pub integrity: String,
}

/// A package as the registry describes it. What is of another shape than expected counts as absent.
#[derive(Deserialize)]
struct Wire {
    version: String,
    dist: Dist,
    #[serde(default)]
    engines: Value,
    #[serde(default)]
    openclaw: Value,
    #[serde(default)]
    deprecated: Value,
}

impl From<Wire> for Package {
    fn from(wire: Wire) -> Self {
        let text = |value: &Value| {
            let text = value.as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        let schema = &wire.openclaw["schemaVersions"];
        Self {
            version: wire.version,
            dist: wire.dist,
            engines: text(&wire.engines["node"]),
            schema: Schema::deserialize(schema).ok(),
            deprecated: text(&wire.deprecated),
        }
    }
}

/// All that a registry knows of a package.
#[derive(Debug, Clone, Default)]
pub struct Packument {
    /// Version by dist-tag.
    pub tags: BTreeMap<String, String>,
    /// The versions.
    pub packages: Vec<Package>,
    /// When each version was published.
    pub published: BTreeMap<String, Timestamp>,
    /// Number of versions that cannot be read.
    pub unread: usize,
}

impl Packument {
    /// Reads a registry's answer.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default, rename = "dist-tags")]
            tags: BTreeMap<String, Value>,
            versions: BTreeMap<String, Value>,
            #[serde(default)]
            time: BTreeMap<String, Value>,
        }
        let answer: Answer = serde_json::from_slice(bytes).context("reading npm's answer")?;
        let count = answer.versions.len();
        ensure!(count <= VERSIONS, "npm lists {count} versions");
        let packages: Vec<Package> = answer
            .versions
            .into_values()
            .filter_map(|version| serde_json::from_value(version).ok())
            .collect();
        let tag = |(tag, version): (String, Value)| Some((tag, version.as_str()?.to_owned()));
        let time = |(version, time): (String, Value)| Some((version, time.as_str()?.parse().ok()?));
        Ok(Self {
            tags: answer.tags.into_iter().filter_map(tag).collect(),
            unread: count - packages.len(),
            packages,
            published: answer.time.into_iter().filter_map(time).collect(),
        })
    }

    /// The version that the registry offers on a channel: what its tag says, and nothing else. On beta it is
    /// the newer of upstream's candidate and stable release. `None`: no such tag.
    #[must_use]
    pub fn tagged(&self, channel: Channel) -> Option<&str> {
        let tagged = |channel: Channel| self.tags.get(channel.tag()).map(String::as_str);
        let own = tagged(channel);
        if channel != Channel::Beta {
            return own;
        }
        let stable = tagged(Channel::Stable);
        let version = |text: Option<&str>| text.and_then(|text| text.parse::<Version>().ok());
        if version(stable) > version(own) {
            stable
        } else {
            own
        }
    }
}

impl Registry {
    /// The public registry, or the one that npm's own environment variable names.
    #[must_use]
    pub fn from_environment(web: Web) -> Self {
        let url = std::env::var(REGISTRY_VARIABLE).unwrap_or_else(|_| REGISTRY.to_owned());
        Self::at(web, &url)
    }

    /// The registry at a URL.
    #[must_use]
    pub fn at(web: Web, url: &str) -> Self {
        Self {
            web,
            url: url.trim_end_matches('/').to_owned(),
        }
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All that it knows of a package.
    pub async fn packument(&self, name: &str) -> Result<Packument> {
        let bytes = self.get(name).await?;
        Packument::parse(&bytes).with_context(|| format!("asking npm for {name}"))
    }

    /// The newest version of `name` that `wanted` covers, which is like `22`, `22.12` or `22.12.0`.
    pub async fn resolve(&self, name: &str, wanted: &str) -> Result<Package> {
        if wanted.split('.').count() == 3 {
            let path = format!("{name}/{wanted}");
            let bytes = self.get(&path).await?;
            return serde_json::from_slice(&bytes)
                .with_context(|| format!("reading what {}/{path} answered", self.url));
        }
        let packument = self.packument(name).await?;
        let prefix = format!("{wanted}.");
        packument
            .packages
            .into_iter()
            .filter(|package| package.version.starts_with(&prefix))
            .filter_map(|package| Some((numbers(&package.version)?, package)))
            .max_by_key(|(numbers, _)| *numbers)
            .map(|(_, package)| package)
            .with_context(|| format!("npm has no version {wanted} of {name}"))
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>> {
        let got = self.web.get(&format!("{}/{path}", self.url), LIMIT).await;
        got.with_context(|| format!("asking npm for {path}"))
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

    #[test]
    fn what_cannot_be_read_is_counted_and_the_rest_is_there() {
        let dist = r#"{"tarball": "https://r/x.tgz", "integrity": "sha512-x"}"#;
        let text = format!(
            r#"{{"dist-tags": {{"latest": "2026.9.6", "odd": 1}},
                "time": {{"created": "2026-01-01T00:00:00.000Z", "2026.9.6": "2026-09-20T01:02:03.000000+00:00", "x": "soon"}},
                "versions": {{
                    "2026.9.6": {{"version": "2026.9.6", "dist": {dist}, "engines": {{"node": ">=24"}},
                        "openclaw": {{"schemaVersions": {{"state": 18, "agent": 23}}, "extra": 1}}, "deprecated": ""}},
                    "2026.9.5": {{"version": "2026.9.5", "dist": {dist}, "engines": ["node"],
                        "openclaw": {{"schemaVersions": {{"state": "x"}}}}, "deprecated": "broken"}},
                    "0.0.1": {{"version": "0.0.1"}}, "0.0.2": null}}}}"#
        );
        let packument = Packument::parse(text.as_bytes()).unwrap();
        assert_eq!((packument.packages.len(), packument.unread), (2, 2));
        assert_eq!(packument.tagged(Channel::Stable), Some("2026.9.6"));
        assert_eq!(packument.tagged(Channel::ExtendedStable), None);
        assert_eq!(packument.tagged(Channel::Beta), Some("2026.9.6"));
        assert_eq!(packument.tags.len(), 1);
        let [older, newer] = &packument.packages[..] else {
            panic!("not two");
        };
        let schema = Schema {
            state: 18,
            agent: 23,
        };
        assert_eq!(newer.schema, Some(schema));
        assert_eq!(newer.engines.as_deref(), Some(">=24"));
        assert_eq!(newer.deprecated, None);
        assert_eq!((older.schema, &older.engines), (None, &None));
        assert_eq!(older.deprecated.as_deref(), Some("broken"));
        assert_eq!(packument.published.len(), 2);
        let published = packument.published["2026.9.6"];
        assert_eq!(published.to_string(), "2026-09-20T01:02:03Z");
    }

    #[test]
    fn beta_is_the_newer_of_beta_and_latest() {
        for (latest, beta, offered) in [
            ("2026.9.6", "2026.9.7-beta.1", "2026.9.7-beta.1"),
            ("2026.9.7", "2026.9.7-beta.1", "2026.9.7"),
            ("2026.9.6-1", "2026.9.6", "2026.9.6-1"),
            ("odd", "2026.9.6", "2026.9.6"),
            ("2026.9.6", "odd", "2026.9.6"),
        ] {
            let tags = [("latest", latest), ("beta", beta)];
            let packument = Packument {
                tags: tags.map(|(tag, it)| (tag.into(), it.into())).into(),
                ..Packument::default()
            };
            assert_eq!(packument.tagged(Channel::Beta), Some(offered));
            assert_eq!(packument.tagged(Channel::Stable), Some(latest));
        }
    }

    #[test]
    fn an_answer_of_another_kind_is_an_error() {
        for text in ["", "{}", "[]", r#"{"error": "not_found"}"#, "<html>"] {
            assert!(Packument::parse(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        let text = format!(r#"{{"versions": {{"1.0.0": {deep}"#);
        Packument::parse(text.as_bytes()).unwrap_err();
    }
}
