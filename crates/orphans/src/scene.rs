//! Everything that is judged.

use std::path::Path;

use anyhow::Result;

use crate::files::{self, Files};
use crate::mounts;
use crate::processes::{self, Process};
use crate::rows::{self, Rows};

/// Everything that is judged.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    /// The living engine, by its process.
    pub engine: Option<u32>,
    pub files: Files,
    pub rows: Rows,
    pub processes: Vec<Process>,
    /// Mount points below the directory, and loop devices on its files.
    pub mounts: Vec<String>,
}

impl Scene {
    /// Looks at the directory of a living engine.
    pub fn look(dir: &Path, engine: u32) -> Result<Self> {
        Ok(Self {
            engine: Some(engine),
            files: files::list(dir)?,
            rows: rows::read(&dir.join("localgce.db"))?,
            processes: processes::of(dir)?,
            mounts: mounts::below(dir)?,
        })
    }
}
