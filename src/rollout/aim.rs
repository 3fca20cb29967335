//! What a rollout is for (pure).

use super::why::Why;
use crate::fleet::Written;

/// What a rollout is to end in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Aim {
    /// Template of the new VM.
    pub(super) to: String,
    /// The release in its image, where its labels say it.
    pub(super) release: Option<Written>,
    /// Template of the VM that was there last, and the release in it, for a VM that is gone or does not
    /// say what it was made from.
    pub(super) from: Option<(String, Option<Written>)>,
    /// What for.
    pub(super) why: Why,
    /// Name of the snapshot whose state the new VM gets.
    pub(super) state: Option<String>,
    /// Seconds since 1970.
    pub(super) now: u64,
    /// Whether the new VM is watched for a while once it is ready.
    pub(super) soak: bool,
}
