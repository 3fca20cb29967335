//! What a replacement has come to.

/// A VM that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// The VM.
    pub instance: String,
    /// Its image.
    pub image: String,
    /// Its template.
    pub template: String,
    /// The gateway's version, as it says itself.
    pub gateway: String,
    /// The state before, in a snapshot.
    pub snapshot: String,
    /// Seconds from the stop of the old gateway until the new one was ready.
    pub downtime_seconds: u64,
}
