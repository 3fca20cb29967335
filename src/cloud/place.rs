//! Where a run acted, as its journal remembers it.

use std::path::PathBuf;

use anyhow::Result;
use gce::Client;
use serde::{Deserialize, Serialize};

use super::connect;
use crate::deployment::Access;
use crate::engine;

/// A cloud as a journal remembers it: enough to find its resources again, in any zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Place {
    /// A Google Cloud project.
    Gce {
        /// Its id.
        project: String,
        /// Base URL of all APIs, unless it is Google's.
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
    /// Whether it is the same cloud, whoever calls: a name means the same resource in both.
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

    /// A client for it; the engine is started if it does not run. `None` if the engine's directory is
    /// gone, and with it all its resources.
    pub async fn client(&self) -> Result<Option<Client>> {
        match self {
            Self::Gce {
                project,
                endpoint,
                access,
            } => {
                let credentials = connect::credentials(access).await?;
                let endpoints = connect::endpoints(endpoint.as_deref());
                connect::client(endpoints, credentials, project).map(Some)
            }
            Self::Local { engine } if !engine.exists() => Ok(None),
            Self::Local { engine } => {
                let (endpoint, _) = engine::ensure(engine).await?;
                connect::engine(endpoint).map(Some)
            }
        }
    }
}
