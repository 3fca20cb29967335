//! The gateway as a client of its meets it: right token accepted, wrong one refused.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gce::SecretBytes;
use reqwest::StatusCode;

use crate::recipe::{Health, Probe};

/// For one request; a gateway under full emulation may think for seconds.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Asks the gateway at `url` without a token, with a wrong one and with `token`.
pub async fn probe(url: &str, health: &Health, token: &SecretBytes) -> Result<()> {
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .build()?;
    let token = std::str::from_utf8(token.expose())
        .context("the gateway's token is not text")?
        .trim_end();
    let tokens = [
        ("no token", None, health.without),
        ("a wrong token", Some("wrong"), health.without),
        ("the token", Some(token), health.with),
    ];
    for (what, token, expected) in tokens {
        let status = ask(&client, url, &health.probe, token)
            .await
            .with_context(|| format!("asking the gateway at {url} with {what}"))?;
        ensure!(
            status == expected,
            "the gateway at {url} answered {what} with {status}, not {expected}"
        );
    }
    Ok(())
}

async fn ask(
    client: &reqwest::Client,
    url: &str,
    probe: &Probe,
    token: Option<&str>,
) -> reqwest::Result<StatusCode> {
    let at = |path: &str| format!("{}{path}", url.trim_end_matches('/'));
    let request = match probe {
        Probe::Get(path) => client.get(at(path)),
        Probe::Post(path, body) => client.post(at(path)).json(body),
    };
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    Ok(request.send().await?.status())
}
