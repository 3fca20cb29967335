//! Contents that are not yet objects.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use super::Engine;
use crate::store::{files, new_id};

/// The content of an object to be. Unless it is kept, it is removed when this is dropped, or, if the
/// engine is killed, when the next one starts.
pub struct Draft {
    engine: Arc<Engine>,
    /// The name of its file, which the object stores.
    pub name: String,
    kept: bool,
}

impl Draft {
    /// A draft without a file. It is recorded before the file is created.
    pub fn begin(engine: &Arc<Engine>) -> Result<Self> {
        let name = new_id().to_string();
        engine
            .store
            .transaction(|tx| files::making(tx, &files::content(&name)))?;
        Ok(Self {
            engine: Arc::clone(engine),
            name,
            kept: false,
        })
    }

    /// Its file.
    pub fn path(&self) -> PathBuf {
        self.engine.content_file(&self.name)
    }

    /// Records, in the object's transaction, that an object keeps it. See [`Self::kept`].
    pub fn keep(&self, tx: &rusqlite::Connection) -> rusqlite::Result<()> {
        files::forget(tx, &files::content(&self.name))
    }

    /// To be called once that transaction is committed: on a full device it may fail.
    pub fn kept(mut self) {
        self.kept = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // File first: the database may need the space.
        std::fs::remove_file(self.path()).ok();
        let path = files::content(&self.name);
        if let Err(error) = self.engine.store.transaction(|tx| files::forget(tx, &path)) {
            crate::log::line(format_args!("forgetting {path}: {error}"));
        }
    }
}
