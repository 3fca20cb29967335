//! What a call of Compute Engine is about.

use crate::api::call::Call;
use crate::catalog;
use crate::error::Error;
use crate::key::{Key, Kind, Scope};

/// The variables of paths that name places, not resources.
const PLACES: [&str; 3] = ["project", "region", "zone"];

impl Call {
    /// The name of the resource in the path, if the path has one.
    pub fn resource(&self) -> Option<&str> {
        let (variable, value) = self.variables.last()?;
        (!PLACES.contains(variable)).then_some(value)
    }

    /// The project in the path.
    pub fn known_project(&self) -> Result<catalog::Project<'_>, Error> {
        let project = self.project();
        catalog::project(project).ok_or_else(|| Error::not_found(&format!("projects/{project}")))
    }

    /// The place in the path.
    pub fn scope(&self) -> Result<Scope, Error> {
        let project = self.known_project()?.id;
        match (self.variable("zone"), self.variable("region")) {
            ("", "") => Ok(Scope::Global),
            ("", region) if region == catalog::REGION => Ok(Scope::Region(region.into())),
            ("", region) => Err(Error::not_found(&format!(
                "projects/{project}/regions/{region}"
            ))),
            (zone, _) if catalog::ZONES.contains(&zone) => Ok(Scope::Zone(zone.into())),
            (zone, _) => Err(Error::not_found(&format!(
                "projects/{project}/zones/{zone}"
            ))),
        }
    }

    /// The zone in the path.
    pub fn zone(&self) -> Result<&str, Error> {
        self.scope()?;
        Ok(self.variable("zone"))
    }

    /// The resource in the path; of a collection, the one that is to be, by its name in the body.
    pub fn key(&self, kind: Kind) -> Result<Key, Error> {
        if let Some(name) = self.resource() {
            return self.new_key(kind, name);
        }
        let body = self.unchecked_body();
        self.new_key(kind, body["name"].as_str().unwrap_or_default())
    }

    /// A resource in the place in the path.
    pub fn new_key(&self, kind: Kind, name: &str) -> Result<Key, Error> {
        Ok(Key {
            project: self.known_project()?.id.into(),
            scope: self.scope()?,
            kind,
            name: name.into(),
        })
    }
}
