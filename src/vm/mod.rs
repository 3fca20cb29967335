//! A VM, whatever it is for: what it is made of, and what is heard of it.
//!
//! ```text
//! Properties ──▶ instances.insert ──▶ Watch: status, report, serial output ──▶ Look ──▶ a judge
//! ```
//!
//! A VM reports through a guest attribute, and signs each report with the nonce of its start. Whether
//! it does what it was made for is decided by two judges: [`crate::fleet`] has that of gateways,
//! [`crate::bake`] that of builders.

mod ask;
mod attribute;
mod counts;
mod look;
mod memory;
mod metadata;
mod properties;
mod report;
mod room;
mod watch;
#[cfg(test)]
mod word;

pub use ask::{Answer, NoAnswer};
pub(crate) use ask::{Request, ask, insist};
pub(crate) use attribute::attribute;
pub(crate) use counts::counts;
pub use counts::{Counted, Counts, Lost};
pub(crate) use look::Look;
pub use memory::Memory;
pub(crate) use memory::memory;
pub(crate) use metadata::{Nonce, item};
pub(crate) use properties::{Disk, Properties, disks_in, encryption_key, last};
pub(crate) use report::{Report, report};
pub use room::Room;
pub(crate) use room::room;
pub(crate) use watch::Watch;
