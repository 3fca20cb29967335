//! VMs: launched from a family's image, watched until their gateway is ready, deleted without their
//! state.

mod content;
mod counted;
mod disk;
mod firewall;
mod instance;
mod launch;
mod memory;
mod owner;
mod power;
mod prices;
mod probe;
mod ready;
mod room;
mod secrets;
mod snapshots;
mod start;
mod state_disk;
mod surplus;
mod template;
mod trial;
mod written;

pub use counted::{count, counted_at_last, counts};
pub(crate) use disk::state_disk;
pub use disk::state_disk_name;
pub use firewall::firewall;
pub use instance::Instance;
pub use launch::{
    Deleted, create, create_from, delete, disown, find, keep, launch, policy, schedule, start,
};
pub use memory::{memory, remedy};
pub(crate) use owner::{belongs, ensure_belongs};
pub use power::{
    Power, SUSPENDED, machine_type_of, moved, power_on, quiesce, retire, set_machine_type, settle,
    stop,
};
pub use probe::probe;
pub use ready::{NotReady, Phase, Report, report, watch};
pub use room::{more_room, room};
pub use secrets::{ACCESSOR, Form, check, define, generate, grant, missing, random, store};
pub use start::Adopt;
pub use surplus::{delete_template, surplus_templates};
pub use template::{ensure_template, find_template, template, templates};
pub use trial::{Flaw, TRIAL_PREFIX, Trial};
pub use written::Written;

pub use crate::vm::{Answer, Counted, Counts, Lost, Memory, NoAnswer, Room};
