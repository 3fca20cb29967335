//! What a machine's metadata server asks the engine.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::Engine;
use crate::metadata::{AccessToken, Guest, Refusal};
use crate::store::guest_attributes as attributes;

/// Google documents a limit for a single value only, and may silently drop what is written more often
/// than ten times a minute; real guests write a dozen small values.
/// <https://cloud.google.com/compute/docs/metadata/manage-guest-attributes>
const MOST_ATTRIBUTES: usize = 128;

/// Limit on the bytes of all names and values: that of an instance's own metadata.
const TOTAL: usize = 512 << 10;

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
        let full = || Refusal("The guest attributes of this instance are full.".into());
        self.engine.store.transaction(|tx| {
            let Some(value) = value else {
                return Ok(attributes::remove(tx, &self.id, namespace, key)?);
            };
            let (count, bytes) = attributes::others(tx, &self.id, namespace, key)?;
            let bytes = bytes + namespace.len() + key.len() + value.len();
            if count >= MOST_ATTRIBUTES || bytes > TOTAL {
                return Err(full());
            }
            Ok(attributes::set(tx, &self.id, namespace, key, &value)?)
        })
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}
