//! Service Usage, version 1.

mod services;

use super::table::Table;

/// Its methods.
pub fn tables() -> [Table; 1] {
    [services::table()]
}
