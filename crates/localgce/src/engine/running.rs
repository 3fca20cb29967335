//! The machines that run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::metadata::MetadataServer;
use crate::vm::Vm;

/// The machines that run, by their instance's path.
#[derive(Default)]
pub struct Machines(Mutex<HashMap<String, Running>>);

impl Machines {
    pub fn lock(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Running {
    pub vm: Vm,
    pub tree: watch::Sender<Arc<Value>>,
    pub gone: watch::Receiver<bool>,
    pub _metadata: MetadataServer,
    pub api: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.api.abort();
    }
}
