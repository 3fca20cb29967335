//! Contents on their way to becoming objects.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use super::Engine;
use crate::store::{files, new_id};

/// A content that is no object yet. Unless it becomes one, it goes: with this value, or if the engine
/// is killed, at the start of the next one.
pub struct Draft {
    engine: Arc<Engine>,
    /// Names its file, by which an object keeps it.
    pub name: String,
    kept: bool,
}

impl Draft {
    /// A draft without a file yet. It is noted down before there is one.
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

    /// Where its content goes.
    pub fn path(&self) -> PathBuf {
        self.engine.content_file(&self.name)
    }

    /// Notes that an object keeps it, in the object's transaction. See [`Self::kept`].
    pub fn keep(&self, tx: &rusqlite::Connection) -> rusqlite::Result<()> {
        files::forget(tx, &files::content(&self.name))
    }

    /// The transaction has happened: on a full device it may not.
    pub fn kept(mut self) {
        self.kept = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Room first: the database may need it.
        std::fs::remove_file(self.path()).ok();
        let path = files::content(&self.name);
        if let Err(error) = self.engine.store.transaction(|tx| files::forget(tx, &path)) {
            crate::log::line(format_args!("forgetting {path}: {error}"));
        }
    }
}
