//! Where a run acted, as its journal remembers it, and the client for it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gce::{Client, Credentials, Endpoints};
use localgce::Endpoint;
use serde::{Deserialize, Serialize};

use crate::deployment::{Access, Identity};
use crate::engine;

/// For impatient people: seconds after which a request without an answer is given up. Calls are tried
/// again for two and a half times as long.
const TIMEOUT: &str = "CLAWBAKE_REQUEST_TIMEOUT";

/// What a journal remembers a cloud by: enough to find its resources again, in whatever zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Place {
    /// A project of Google's.
    Gce {
        /// Its id.
        project: String,
        /// Base URL of all APIs, if it is not Google's own.
        endpoint: Option<String>,
        /// Who called.
        access: Access,
    },
    /// An engine on this machine.
    Local {
        /// Its directory.
        engine: PathBuf,
    },
}

impl Place {
    /// Whether resources of one name are the same here and there, whoever calls.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Gce {
                    project, endpoint, ..
                },
                Self::Gce {
                    project: other_project,
                    endpoint: other_endpoint,
                    ..
                },
            ) => project == other_project && endpoint == other_endpoint,
            _ => self == other,
        }
    }

    /// A client for what is there; the engine is started if it does not run. `None` if the engine's
    /// directory is gone, and all its resources with it.
    pub async fn client(&self) -> Result<Option<Client>> {
        match self {
            Self::Gce {
                project,
                endpoint,
                access,
            } => {
                let credentials = credentials(access).await?;
                client(endpoints(endpoint.as_deref()), credentials, project).map(Some)
            }
            Self::Local { engine } if !engine.exists() => Ok(None),
            Self::Local { engine } => {
                let (endpoint, _) = engine::ensure(engine).await?;
                engine_client(endpoint).map(Some)
            }
        }
    }
}

pub(super) fn engine_client(endpoint: Endpoint) -> Result<Client> {
    let credentials = Credentials::token(endpoint.token);
    client(Endpoints::at(&endpoint.url), credentials, &endpoint.project)
}

/// Google's own base URLs, or one for all APIs.
pub(super) fn endpoints(base: Option<&str>) -> Endpoints {
    base.map_or_else(Endpoints::google, Endpoints::at)
}

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

/// Credentials that have been shown to work.
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
    // By themselves first, so that an error says which of the two is at fault.
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
