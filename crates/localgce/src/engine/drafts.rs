//! Uploaded contents before they become objects.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use super::Engine;
use crate::store::{files, new_id};

/// A content that is not an object yet. Unless it becomes one, its file is removed when this value is
/// dropped, or when the next engine starts if this one is killed.
pub struct Draft {
    engine: Arc<Engine>,
    /// The name of its file, which the object takes over.
    pub name: String,
    kept: bool,
}

impl Draft {
    /// Begins a draft. Its file is recorded before it is created.
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

    /// The file to write its content to.
    pub fn path(&self) -> PathBuf {
        self.engine.content_file(&self.name)
    }

    /// Hands the file over to an object, in the object's transaction. See [`Self::kept`].
    pub fn keep(&self, tx: &rusqlite::Connection) -> rusqlite::Result<()> {
        files::forget(tx, &files::content(&self.name))
    }

    /// Confirms that the transaction was committed: on a full device it may not be.
    pub fn kept(mut self) {
        self.kept = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Free the space first: the database may need it.
        std::fs::remove_file(self.path()).ok();
        let path = files::content(&self.name);
        if let Err(error) = self.engine.store.transaction(|tx| files::forget(tx, &path)) {
            crate::log::line(format_args!("forgetting {path}: {error}"));
        }
    }
}
