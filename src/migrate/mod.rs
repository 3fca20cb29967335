//! Moves a deployment's state to another gateway: that of another deployment, whose recipe takes it over.
//!
//! ```text
//!   gates, rehearsal on a clone
//!            │
//!       ┌────▼──┐ gateway   ┌─────────┐ VM stopped,     ┌────────┐ disk made of it, new VM ┌──────┐
//!       │ begun ├─ stopped ─▶ stopped ├─ snapshot READY ▶ copied ├─ created, ready, whole ─▶ done │
//!       └───┬───┘           └────┬────┘                 └───┬────┘                         └──┬───┘
//!           └────────────────────┴───── a step fails ───────┘                          asked  │
//!                        ┌───▼──┐                                                             │
//!                        │ back │ the new VM and its copy are deleted, the VM before started ◀┘
//!                        └──────┘
//! ```
//!
//! The words in the boxes are labels of the old deployment's state disk, each written before the first change
//! that it allows; what has been done of it is observed. Whoever calls next goes on. The old VM stays, stopped,
//! and its state disk as it was; the new VM gets a copy. The two gateways have the same accounts: one is created
//! only while the other is off, and started again only once the other is gone.

mod gates;
mod machine;
mod observe;
mod preview;
mod run;
mod scene;
mod step;
mod take;
#[cfg(test)]
mod tests;

pub use gates::{Between, check};
pub use preview::Preview;
pub use run::{Migrated, back, migrate, plan};
