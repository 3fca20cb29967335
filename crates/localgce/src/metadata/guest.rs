//! What the metadata server knows of its machine.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

/// A short-lived credential. It has no `Debug`, so that no log gets to see it.
#[derive(Clone)]
pub struct AccessToken {
    /// The bearer token.
    pub access_token: String,
    /// Seconds until it is no longer accepted.
    pub expires_in: u64,
}

/// Why the engine does not take a guest attribute, for the guest to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// What the metadata server asks the engine about its machine.
pub trait Guest: Send + Sync + 'static {
    /// All metadata but tokens and guest attributes, as `/?recursive=true&alt=json` prints it:
    /// `{"instance": .., "project": .., "universe": ..}` in camel case.
    fn tree(&self) -> watch::Receiver<Arc<Value>>;
    /// A token of one of the machine's service accounts, by email or as `default`.
    fn token(&self, service_account: &str) -> Option<AccessToken>;
    /// What the guest wrote there before.
    fn guest_attribute(&self, namespace: &str, key: &str) -> Option<String>;
    /// Keeps what the guest writes, or forgets it when there is no value.
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
