//! The tags of an image in a container registry: the distribution API of OCI, with the tokens that registries
//! hand to anybody (<https://distribution.github.io/distribution/spec/auth/token/>).

use anyhow::{Context, Result, bail, ensure};
use reqwest::header::{LINK, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::Web;

/// Largest answer in bytes, and how many are read at most.
const LIMIT: usize = 4 << 20;
const PAGES: usize = 50;

/// The tags of `registry/name`.
pub(super) async fn tags(web: &Web, image: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Page {
        tags: Option<Vec<String>>,
    }
    let mut next = first(image)?;
    let mut token: Option<String> = None;
    let mut tags = Vec::new();
    for _ in 0..PAGES {
        let url = next.to_string();
        let send = |token: Option<String>| {
            let url = url.clone();
            async move {
                let with = |request: reqwest::RequestBuilder| match &token {
                    Some(token) => request.bearer_auth(token),
                    None => request,
                };
                web.ask(&url, LIMIT, with).await
            }
        };
        let mut answer = send(token.clone()).await?;
        if answer.status == StatusCode::UNAUTHORIZED && token.is_none() {
            let challenge = answer.headers.get(WWW_AUTHENTICATE);
            let challenge = challenge
                .and_then(|it| it.to_str().ok())
                .unwrap_or_default();
            token = Some(anonymous(web, challenge, &next).await?);
            answer = send(token.clone()).await?;
        }
        ensure!(
            answer.status.is_success(),
            "{url} answered {}",
            answer.status
        );
        let page: Page = serde_json::from_slice(&answer.body)
            .with_context(|| format!("reading what {url} answered"))?;
        tags.extend(page.tags.unwrap_or_default());
        let link = answer.headers.get(LINK).and_then(|it| it.to_str().ok());
        match link.and_then(following) {
            // On the same registry, or it would get the token of this one.
            Some(link) => {
                let url = next.join(link).context("reading a registry's next page")?;
                ensure!(url.origin() == next.origin(), "the next page is at {url}");
                next = url;
            }
            None => return Ok(tags),
        }
    }
    bail!("{image} has more than {PAGES} pages of tags")
}

/// The first page of an image's tags. A registry on this machine need not have a certificate.
fn first(image: &str) -> Result<Url> {
    let (host, name) = image
        .split_once('/')
        .context("an image without a registry")?;
    let host = if host == "docker.io" {
        "registry-1.docker.io"
    } else {
        host
    };
    let local = host.starts_with("127.0.0.1:") || host.starts_with("localhost:");
    let scheme = if local { "http" } else { "https" };
    Ok(Url::parse(&format!(
        "{scheme}://{host}/v2/{name}/tags/list?n=1000"
    ))?)
}

/// The target of a `Link` header with `rel="next"`.
fn following(link: &str) -> Option<&str> {
    let (target, parameters) = link.split_once(';')?;
    let next = parameters.contains("rel=\"next\"") || parameters.contains("rel=next");
    target
        .trim()
        .strip_prefix('<')?
        .strip_suffix('>')
        .filter(|_| next)
}

/// The token that a registry's challenge offers to anybody.
async fn anonymous(web: &Web, challenge: &str, registry: &Url) -> Result<String> {
    #[derive(Deserialize)]
    struct Token {
        token: Option<String>,
        access_token: Option<String>,
    }
    let bearer = challenge.strip_prefix("Bearer ");
    let bearer = bearer.with_context(|| format!("{registry} asks for an account"))?;
    let parameter = |name: &str| {
        let rest = bearer.split_once(&format!("{name}=\""))?.1;
        Some(rest.split_once('"')?.0)
    };
    let mut url = Url::parse(parameter("realm").context("a challenge without a realm")?)?;
    ensure!(
        url.scheme() == "https" || registry.scheme() == "http",
        "{registry} hands out tokens at {url}, without encryption"
    );
    for name in ["service", "scope"] {
        if let Some(value) = parameter(name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    let answer = web.get(url.as_str(), LIMIT).await?;
    let token: Token = serde_json::from_slice(&answer).context("reading a registry's token")?;
    let token = token.token.or(token.access_token);
    token.context("a registry's token is missing in its answer")
}
