//! What a rebuild is asked for.

use std::time::Duration;

use crate::bake::Builder;
use crate::release::Version;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// This release, and no other.
    pub to: Option<Version>,
    /// Also what has failed before.
    pub retry: bool,
    /// Whether the VM is replaced.
    pub replace: bool,
    /// Where the image is made.
    pub builder: Builder,
    /// How long to wait for the gateway of the new VM.
    pub timeout: Duration,
}
