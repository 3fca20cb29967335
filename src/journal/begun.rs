//! A run as its journal remembers it, and what it creates.

use serde::{Deserialize, Serialize};

use super::resource::Resource;
use crate::cloud::Place;

/// A run of a verb that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its unique id: the value of its label, also usable in names.
    pub id: String,
    /// The verb.
    pub verb: String,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// Its process.
    pub pid: u32,
    /// Where its resources are.
    pub place: Place,
}

/// A resource and the run whose label it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The run's id.
    pub run: String,
    /// The resource.
    #[serde(flatten)]
    pub resource: Resource,
}
