//! Clients and their credentials.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gce::{Client, Credentials, Endpoints};
use localgce::Endpoint;

use crate::deployment::{Access, Identity};

/// Seconds until a request without an answer fails. Calls are retried for two and a half times as long.
const TIMEOUT: &str = "CLAWBAKE_REQUEST_TIMEOUT";

/// A client of an engine that runs.
pub(super) fn engine(endpoint: Endpoint) -> Result<Client> {
    let credentials = Credentials::token(endpoint.token);
    client(Endpoints::at(&endpoint.url), credentials, &endpoint.project)
}

/// Google's own base URLs, or one for all APIs.
pub(super) fn endpoints(base: Option<&str>) -> Endpoints {
    base.map_or_else(Endpoints::google, Endpoints::at)
}

/// A client that gives up after [`TIMEOUT`], where that is set.
pub(super) fn client(
    endpoints: Endpoints,
    credentials: Credentials,
    project: &str,
) -> Result<Client> {
    let client = Client::new(endpoints, credentials, project)?;
    let Some(seconds) = std::env::var_os(TIMEOUT) else {
        return Ok(client);
    };
    let seconds = seconds.to_str().and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or_default();
    ensure!(seconds > 0, "{TIMEOUT} is not a number of seconds");
    Ok(client.with_timeout(Duration::from_secs(seconds)))
}

/// Credentials that have been checked.
pub(super) async fn credentials(access: &Access) -> Result<Credentials> {
    let own = match &access.identity {
        Identity::ApplicationDefault => Credentials::application_default()?,
        Identity::File(path) => Credentials::file(path)?,
        Identity::TokenFile(path) => Credentials::token_file(path.clone()),
        Identity::TokenEnv(name) => Credentials::token(
            std::env::var(&**name)
                .with_context(|| format!("reading the access token from ${name}"))?,
        ),
    };
    // First without impersonation, so that an error says which of the two is at fault.
    own.verify().await?;
    let Some(account) = &access.impersonate else {
        return Ok(own);
    };
    let credentials = own.impersonating(account)?;
    credentials.verify().await.with_context(|| {
        format!(
            "impersonating {account}, which needs roles/iam.serviceAccountTokenCreator on it and \
             iamcredentials.googleapis.com enabled"
        )
    })?;
    Ok(credentials)
}
