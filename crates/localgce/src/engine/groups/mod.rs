//! Instance groups, and the managers that fill them.

mod group;
mod manager;
mod members;
mod reconcile;

pub use group::{NamedPort, create, delete, set_named_ports};
pub use manager::{Manager, create as create_manager, managed};
pub use members::{add, bodies, remove};
pub use reconcile::Replacement;
