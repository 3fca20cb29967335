//! What the metadata server needs to know about its machine.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

/// A short-lived credential. It has no `Debug`, to keep it out of logs.
#[derive(Clone)]
pub struct AccessToken {
    /// The bearer token.
    pub access_token: String,
    /// Seconds until it is no longer accepted.
    pub expires_in: u64,
}

/// Why the engine refuses a guest attribute; the guest reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// What the metadata server asks the engine about its machine.
pub trait Guest: Send + Sync + 'static {
    /// All metadata but tokens and guest attributes, as `/?recursive=true&alt=json` prints it:
    /// `{"instance": .., "project": .., "universe": ..}` in camel case.
    fn tree(&self) -> watch::Receiver<Arc<Value>>;
    /// A token of one of the machine's service accounts, given by its email or as `default`.
    fn token(&self, service_account: &str) -> Option<AccessToken>;
    /// A guest attribute's value.
    fn guest_attribute(&self, namespace: &str, key: &str) -> Option<String>;
    /// Sets a guest attribute, or removes it if there is no value.
    ///
    /// # Errors
    /// When the engine has no room for it.
    fn set_guest_attribute(
        &self,
        namespace: &str,
        key: &str,
        value: Option<String>,
    ) -> Result<(), Refusal>;
}
