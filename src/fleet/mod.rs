//! VMs: launched from a family's image, watched until their gateway is ready, deleted without their
//! state.

mod counted;
mod launch;
mod plan;
mod probe;
mod ready;
mod secrets;
mod snapshots;
mod trial;

pub use counted::counts;
pub use launch::{Deleted, create, delete, find, keep, launch, policy, schedule, start};
pub use plan::{Adopt, Instance, firewall, state_disk_name};
pub(crate) use plan::{belongs, ensure_belongs, state_disk};
pub use probe::probe;
pub use ready::{NotReady, Phase, Report, report, watch};
pub use secrets::{ACCESSOR, Form, check, define, generate, grant, missing, random, store};
pub use trial::{Flaw, TRIAL_PREFIX, Trial};

pub use crate::vm::{Answer, Counts, Lost, Memory, NoAnswer};
