//! Secret Manager, version 1.

mod guard;
mod records;
mod secrets;
mod versions;

use super::table::Table;

/// Its methods.
pub fn tables() -> [Table; 2] {
    [secrets::methods(), versions::methods()].map(|methods| Table {
        api: &guard::API,
        methods,
    })
}
