//! What a request is about, and what it is answered.

use axum::Json;
use serde::Deserialize;
use serde_json::Value;

use crate::catalog;
use crate::engine::Mutation;
use crate::error::Error;
use crate::key::{Key, Kind, Scope};

/// What handlers answer.
pub type Answer = Result<Json<Value>, Error>;

/// The variable parts of a URL.
#[derive(Deserialize)]
pub struct Place {
    pub project: String,
    pub region: Option<String>,
    pub zone: Option<String>,
    pub name: Option<String>,
}

impl Place {
    pub fn project(&self) -> Result<catalog::Project<'_>, Error> {
        catalog::project(&self.project)
            .ok_or_else(|| Error::not_found(&format!("projects/{}", self.project)))
    }

    pub fn zone(&self) -> Result<Option<&str>, Error> {
        let project = self.project()?.id;
        match self.zone.as_deref() {
            Some(zone) if !catalog::ZONES.contains(&zone) => Err(Error::not_found(&format!(
                "projects/{project}/zones/{zone}"
            ))),
            zone => Ok(zone),
        }
    }

    pub fn scope(&self) -> Result<Scope, Error> {
        let project = self.project()?.id;
        Ok(match (self.zone()?, self.region.as_deref()) {
            (Some(zone), _) => Scope::Zone(zone.into()),
            (None, Some(region)) if region == catalog::REGION => Scope::Region(region.into()),
            (None, Some(region)) => {
                return Err(Error::not_found(&format!(
                    "projects/{project}/regions/{region}"
                )));
            }
            (None, None) => Scope::Global,
        })
    }

    /// The resource that the URL names.
    pub fn key(&self, kind: Kind) -> Result<Key, Error> {
        self.new_key(kind, self.name.as_deref().unwrap_or_default())
    }

    /// A resource in this place.
    pub fn new_key(&self, kind: Kind, name: &str) -> Result<Key, Error> {
        Ok(Key {
            project: self.project()?.id.into(),
            scope: self.scope()?,
            kind,
            name: name.into(),
        })
    }
}

/// The query parameter of every mutation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestId {
    request_id: Option<String>,
}

impl RequestId {
    pub fn mutation(self, verb: &'static str, target: &Key) -> Mutation {
        Mutation {
            target: target.clone(),
            verb,
            request_id: self.request_id,
        }
    }
}
