//! Changes of a VM that keep its state: another VM, of the same release or another one, and the way back.
//!
//! ```text
//!            ┌────────┐  gateway   ┌─────────┐  VM stopped, snapshot READY,   ┌─────────┐  ready, whole,
//!  ── begin ─▶ begun  ├─ stopped ──▶ stopped ├─ VM deleted, (state restored) ─▶ started ├─ and stays so ──▶ done
//!            └───┬────┘            └────┬────┘  the new release recorded      └────┬────┘
//!                └───────────┬──────────┘ a step fails                             │ a gate is not passed
//!                        ┌───▼──┐                                             ┌────▼─┐
//!                        │ undo │ the VM before is started, or created again  │ back │ the new VM is deleted,
//!                        └───┬──┘                                             └────┬─┘ the state restored,
//!                            └────────────────────────▶ put back ◀─────────────────┘ the VM before created
//! ```
//!
//! A VM is never upgraded: it is deleted, and another is made that gets its state disk. The words in the
//! boxes are written on that disk, as labels, each before the first change that it allows; what has been
//! done of it is observed. So there is no memory of a rollout that could be lost or lie: who calls again,
//! on this machine or another, looks and goes on. Labels are changed by their fingerprint, so that of two
//! who begin at the same moment one is refused, and of two who carry out the same rollout the first stops
//! at its next step.
//!
//! A `Scene` is what is observed. The `machine` decides on the next `Step`
//! and is pure; `model` takes it down every path. `run` carries a step out, and looks again.
//!
//! Before the new release is started, the state is in a snapshot that is READY, and going back restores
//! it: a newer release migrates what it finds, and an older one on top of that shows an empty state. Where the
//! VM has run since, that snapshot is stale: the rollout is begun again, and takes another one. The
//! VM's name is the lock that keeps two gateways from one state: a VM is created only once there is none.

mod admit;
mod aim;
mod attempt;
mod course;
mod disk;
mod fault;
mod finish;
mod gate;
mod intent;
mod last;
mod machine;
mod me;
mod migrating;
#[cfg(test)]
mod model;
mod next;
mod observe;
mod options;
mod preview;
mod rebuild;
mod recreate;
mod rehearsal;
mod replace;
mod replaced;
mod report;
mod rollback;
mod run;
mod scene;
mod step;
mod target;
mod template;
mod vm;
mod watch;
mod way;
mod why;
mod words;

pub use fault::failed_at;
pub use gate::{Gate, PutBack, Refused};
pub(crate) use me::{me, now};
pub use migrating::ensure_not_migrating;
pub use options::Options;
pub use preview::Preview;
pub use rebuild::{Outlook, outlook, rebuild};
pub use recreate::{ensure_none, plan_recreate, recreate};
pub use rehearsal::{RehearsalFailed, Rehearsed, rehearse, rehearse_migration};
pub use replace::{Goal, plan, replace};
pub use replaced::Replaced;
pub use report::{End, Entry, Passage, Report};
pub use rollback::{Back, Chosen, choose};
pub use watch::examine;
pub use why::Why;
