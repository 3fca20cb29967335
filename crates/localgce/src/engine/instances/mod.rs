//! Instances: how they are asked for, made, changed and removed.

mod change;
mod create;
mod disks;
mod end;
mod interface;
mod metadata;
mod power;
mod request;
mod scheduling;

pub use create::{check_properties, create};
pub use disks::{attach, detach, set_auto_delete};
pub use end::set_deadline;
pub use interface::{external_address, ports};
pub use metadata::Metadata;
pub use request::{AttachedDisk, Instance, ServiceAccount, ShieldedInstanceConfig, Tags};
pub use scheduling::Scheduling;
