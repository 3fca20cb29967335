//! Resource Manager, version 3, and of version 1 what gcloud still asks for.

mod guard;
mod projects;
mod v1;

use super::table::Table;

/// The methods of both versions.
pub fn tables() -> [Table; 2] {
    [projects::methods(), v1::methods()].map(|methods| Table {
        api: &guard::API,
        methods,
    })
}
