//! What one machine's metadata server asks the engine.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::Engine;
use crate::metadata::{AccessToken, Guest, Refusal};
use crate::store::guest_attributes as attributes;

/// One machine, to its metadata server.
pub struct Machine {
    pub(super) engine: Arc<Engine>,
    /// The instance's id.
    pub(super) id: String,
    pub(super) tree: watch::Receiver<Arc<Value>>,
}

impl Guest for Machine {
    fn tree(&self) -> watch::Receiver<Arc<Value>> {
        self.tree.clone()
    }

    fn token(&self, service_account: &str) -> Option<AccessToken> {
        let tree = self.tree.borrow();
        let email = tree["instance"]["serviceAccounts"][service_account]["email"].as_str()?;
        Some(self.engine.tokens.issue(email))
    }

    fn guest_attribute(&self, namespace: &str, key: &str) -> Option<String> {
        let store = &self.engine.store;
        store
            .transaction(|tx| attributes::get(tx, &self.id, namespace, key))
            .ok()
            .flatten()
    }

    fn set_guest_attribute(
        &self,
        namespace: &str,
        key: &str,
        value: Option<String>,
    ) -> Result<(), Refusal> {
        self.engine
            .store
            .transaction(|tx| match value {
                None => attributes::remove(tx, &self.id, namespace, key),
                Some(value) => attributes::set(tx, &self.id, namespace, key, &value),
            })
            .map_err(|error| Refusal(error.to_string()))
    }
}
