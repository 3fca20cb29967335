//! The engine carries out what the APIs ask for: it records resources in the store, makes disks and
//! images, and runs machines and operations.

pub mod accounts;
pub mod addresses;
mod attached;
mod bound;
pub mod disks;
mod drafts;
pub mod firewalls;
pub mod groups;
mod guest;
mod hardware;
pub mod images;
pub mod instances;
pub mod labels;
pub mod machine_types;
mod machines;
pub mod networks;
mod operations;
mod power_off;
pub mod projects;
pub mod records;
pub mod resource_policies;
mod retention;
mod running;
mod serial;
mod sessions;
pub mod snapshots;
mod state;
pub mod storage;
mod sweep;
pub mod templates;
mod tokens;
mod tree;

pub use bound::Bound;
pub use drafts::Draft;
pub use operations::{Failure, Mutation, Work, nothing, work};
pub use power_off::Stop;
pub use serial::Serial;
pub use state::Engine;
pub use tokens::{Caller, random as random_token};
