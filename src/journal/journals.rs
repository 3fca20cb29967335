//! The directory of all journals of a user.

use std::path::PathBuf;

use anyhow::Result;

use super::leftover::{self, Dead, Leftover};
use super::{Begun, Journal, Resource};
use crate::cloud::Place;
use crate::paths;

/// The journals of all runs.
#[derive(Debug)]
pub struct Journals {
    dir: PathBuf,
}

impl Journals {
    /// Those of this user.
    pub fn of_this_user() -> Result<Self> {
        let dir = paths::journal()?;
        Ok(Self { dir })
    }

    /// Begins the journal of a run of `verb`.
    pub fn begin(&self, verb: &str, place: &Place) -> Result<Journal> {
        Journal::begin(&self.dir, verb, place)
    }

    /// What dead runs have left.
    pub fn dead(&self) -> Result<Dead> {
        leftover::dead(&self.dir)
    }

    /// What this process has left: those of the dead runs that are `mine`.
    pub async fn own(&self, mine: impl Fn(&Begun) -> bool) -> Result<Vec<Leftover>> {
        leftover::own(&self.dir, mine).await
    }

    /// Keeps resources that are in use from now on. If the run that created them died before its end,
    /// `clawbake clean` would take them for leftovers.
    pub fn keep(&self, place: &Place, resources: &[Resource]) -> Result<()> {
        leftover::keep(&self.dir, place, resources)
    }
}
