//! The running engine: what it has, and where it keeps files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use tokio::sync::{Mutex as TurnMutex, Notify};

use super::projects;
use super::running::Machines;
use super::sessions::Sessions;
use super::tokens::Tokens;
use crate::debian;
use crate::key::Kind;
use crate::room::sync_dir;
use crate::store::{Store, files};
use crate::vm::Hypervisor;

/// The running engine.
pub struct Engine {
    /// What it remembers.
    pub store: Store,
    /// Who may call it.
    pub tokens: Tokens,
    /// Whose turn it is in resumable uploads.
    pub sessions: Sessions,
    pub(super) dir: PathBuf,
    /// Where finished public images are kept. Locked while one is made.
    pub(super) cache: TurnMutex<PathBuf>,
    pub(super) hypervisor: Hypervisor,
    pub(super) power_off: Option<Duration>,
    pub(super) guest_api: fn(&Arc<Self>) -> Router,
    pub(super) machines: Machines,
    pub(super) operation_done: Notify,
    pub(super) closing: AtomicBool,
}

impl Engine {
    /// Opens what is in `dir`, with public images in `cache`. `token` is the owner's, `power_off` the time
    /// that a guest gets to power off, `guest_api` what it reaches of Google's APIs.
    pub fn open(
        dir: &Path,
        cache: &Path,
        token: String,
        hypervisor: Hypervisor,
        power_off: Option<Duration>,
        guest_api: fn(&Arc<Self>) -> Router,
    ) -> Result<Self> {
        for name in files::DIRS.iter().chain(&["vms"]) {
            let dir = dir.join(name);
            std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        }
        // They are to survive a power cut.
        for dir in dir.ancestors() {
            sync_dir(dir).ok();
        }
        let store = Store::open(dir)?;
        debian::clear_up(cache).with_context(|| format!("clearing up {}", cache.display()))?;
        store
            .transaction(projects::create_own)
            .context("creating the project")?;
        Ok(Self {
            store,
            tokens: Tokens::new(token),
            sessions: Sessions::default(),
            dir: dir.to_owned(),
            cache: TurnMutex::new(cache.to_owned()),
            power_off,
            hypervisor,
            guest_api,
            machines: Machines::default(),
            operation_done: Notify::new(),
            closing: AtomicBool::new(false),
        })
    }

    /// The file of an image, by the image's id.
    pub fn image_file(&self, id: &str) -> PathBuf {
        self.file_of(Kind::Image, id)
    }

    /// The file of a snapshot, by the snapshot's id.
    pub fn snapshot_file(&self, id: &str) -> PathBuf {
        self.file_of(Kind::Snapshot, id)
    }

    /// The file of a disk, by the disk's id.
    pub fn disk_file(&self, id: &str) -> PathBuf {
        self.file_of(Kind::Disk, id)
    }

    fn file_of(&self, kind: Kind, id: &str) -> PathBuf {
        self.dir.join(files::of(kind, id).unwrap_or_default())
    }

    /// A content, by its file's name.
    pub fn content_file(&self, name: &str) -> PathBuf {
        self.dir.join(files::content(name))
    }

    /// Where a machine has its sockets and logs, by the instance's id.
    pub fn machine_dir(&self, id: &str) -> PathBuf {
        self.dir.join("vms").join(id)
    }
}
