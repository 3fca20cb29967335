//! The releases of a repository on GitHub.

use std::fmt;

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{Version, Web};

/// GitHub's own variable for the API of another instance, and the public one.
const API_VARIABLE: &str = "GITHUB_API_URL";
const API: &str = "https://api.github.com";
/// GitHub's own variable for a token. Without one, GitHub answers 60 times an hour for each address.
const TOKEN_VARIABLE: &str = "GITHUB_TOKEN";
/// Releases a page, pages that are read at most, and the largest page in bytes.
const PAGE: usize = 100;
const PAGES: u32 = 20;
const LIMIT: usize = 32 << 20;

/// Where releases are asked for, and as whom.
pub(super) struct Api {
    url: String,
    token: Option<String>,
}

/// Without the token.
impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// What GitHub's own variables say, or the public API as nobody.
    pub(super) fn from_environment() -> Self {
        let url = std::env::var(API_VARIABLE).unwrap_or_else(|_| API.to_owned());
        Self::at(&url, std::env::var(TOKEN_VARIABLE).ok())
    }

    /// The API at a URL. The token is not sent in the clear to another machine.
    pub(super) fn at(url: &str, token: Option<String>) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        let shut = ["https://", "http://127.0.0.1:"];
        let shut = shut.iter().any(|it| url.starts_with(it));
        Self {
            token: token.filter(|token| shut && !token.is_empty()),
            url,
        }
    }
}

#[cfg(test)]
impl Api {
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }
}

/// The versions that are released: neither drafts, nor what is no version.
pub(super) async fn released(web: &Web, api: &Api, repository: &str) -> Result<Vec<Version>> {
    let mut versions = Vec::new();
    for page in 1..=PAGES {
        let Api { url, token } = api;
        let url = format!("{url}/repos/{repository}/releases?per_page={PAGE}&page={page}");
        let asked = web.ask(&url, LIMIT, |request| match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        });
        let answer = asked.await?;
        let limits = [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS];
        let hint = match token {
            None if limits.contains(&answer.status) => {
                ": a token in GITHUB_TOKEN has a limit of its own"
            }
            _ => "",
        };
        ensure!(
            answer.status.is_success(),
            "{url} answered {}{hint}",
            answer.status
        );
        let (count, released) = parse(&answer.body).with_context(|| format!("reading {url}"))?;
        versions.extend(released);
        if count < PAGE {
            return Ok(versions);
        }
    }
    // The newest come first.
    Ok(versions)
}

/// The number of releases on a page, and the versions among them.
fn parse(page: &[u8]) -> Result<(usize, Vec<Version>)> {
    #[derive(Deserialize)]
    struct Release {
        tag_name: String,
        draft: bool,
        prerelease: bool,
    }
    let page: Vec<Value> = serde_json::from_slice(page)?;
    ensure!(page.len() <= PAGE, "a page has {} releases", page.len());
    let count = page.len();
    let version = |release: Value| {
        let release: Release = serde_json::from_value(release).ok()?;
        let version: Version = release.tag_name.parse().ok()?;
        // A number that reads as stable is not, while it is announced as a candidate.
        let stable = version.channel() == super::Channel::Stable;
        (!(release.draft || release.prerelease && stable)).then_some(version)
    };
    Ok((count, page.into_iter().filter_map(version).collect()))
}
