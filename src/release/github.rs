//! The releases of a repository on GitHub.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::{Version, Web};

/// GitHub's own variable for the API of another instance, and the public one.
const API_VARIABLE: &str = "GITHUB_API_URL";
const API: &str = "https://api.github.com";
/// Releases a page, pages that are read at most, and the largest page in bytes.
const PAGE: usize = 100;
const PAGES: u32 = 20;
const LIMIT: usize = 32 << 20;

/// The API's URL.
pub(super) fn api() -> String {
    std::env::var(API_VARIABLE).unwrap_or_else(|_| API.to_owned())
}

/// The versions that are released: neither drafts, nor what is no version.
pub(super) async fn released(web: &Web, api: &str, repository: &str) -> Result<Vec<Version>> {
    let mut versions = Vec::new();
    for page in 1..=PAGES {
        let api = api.trim_end_matches('/');
        let url = format!("{api}/repos/{repository}/releases?per_page={PAGE}&page={page}");
        let answer = web.get(&url, LIMIT).await?;
        let (count, released) = parse(&answer).with_context(|| format!("reading {url}"))?;
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
