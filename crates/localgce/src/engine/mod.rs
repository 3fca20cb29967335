//! The engine: what the APIs change, made true. The store says how things ought to be; here are
//! the disks, the machines and the operations that get them there.

pub mod accounts;
pub mod addresses;
pub mod disks;
mod drafts;
mod guest;
pub mod images;
mod instances;
pub mod labels;
mod machines;
mod operations;
mod power_off;
pub mod projects;
pub mod records;
pub mod resource_policies;
mod retention;
mod serial;
mod sessions;
pub mod snapshots;
mod sweep;
mod tokens;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use tokio::sync::Notify;

use crate::debian;
use crate::key::Kind;
use crate::room::sync_dir;
use crate::store::{Store, files};
use crate::vm::Hypervisor;
pub use drafts::Draft;
pub use instances::{release, source};
pub use machines::{Stop, external_address};
pub use operations::{Failure, Mutation, Work, nothing, work};
pub use serial::Serial;
use tokens::Tokens;
pub use tokens::{Caller, random as random_token};

/// The running engine.
pub struct Engine {
    /// What it remembers.
    pub store: Store,
    /// Who may call it.
    pub tokens: Tokens,
    /// Whose turn it is in resumable uploads.
    pub sessions: sessions::Sessions,
    dir: PathBuf,
    published: images::Published,
    hypervisor: Hypervisor,
    power_off: Option<Duration>,
    guest_api: fn(&Arc<Self>) -> Router,
    machines: machines::Machines,
    operation_done: Notify,
    closing: AtomicBool,
}

impl Engine {
    /// Opens what is in `dir`, with public images in `cache`. `token` is the owner's, `power_off` what a
    /// guest gets to power itself off, `guest_api` what it reaches of Google's APIs.
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
        // A power cut leaves them, too.
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
            sessions: sessions::Sessions::default(),
            dir: dir.to_owned(),
            published: images::Published::in_cache(cache),
            power_off,
            hypervisor,
            guest_api,
            machines: machines::Machines::default(),
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
