//! VMs: launched from a family's image, watched until their gateway is ready, deleted without their
//! state.

mod counted;
mod launch;
mod memory;
mod plan;
mod power;
mod prices;
mod probe;
mod ready;
mod secrets;
mod snapshots;
mod state_disk;
mod surplus;
mod template;
mod trial;
mod written;

pub use counted::{count, counts};
pub use launch::{
    Deleted, create, create_from, delete, disown, find, keep, launch, policy, schedule, start,
};
pub use memory::{memory, remedy};
pub use plan::{Adopt, Instance, firewall, state_disk_name};
pub(crate) use plan::{belongs, ensure_belongs, state_disk};
pub use power::{machine_type_of, power_on, set_machine_type, stop};
pub use probe::probe;
pub use ready::{NotReady, Phase, Report, report, watch};
pub use secrets::{ACCESSOR, Form, check, define, generate, grant, missing, random, store};
pub use surplus::{delete_template, surplus_templates};
pub use template::{ensure_template, find_template, template, templates};
pub use trial::{Flaw, TRIAL_PREFIX, Trial};
pub use written::Written;

pub use crate::vm::{Answer, Counts, Lost, Memory, NoAnswer};
