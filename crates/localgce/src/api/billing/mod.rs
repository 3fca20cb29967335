//! Cloud Billing, version 1: one account, and which projects it pays for.

mod accounts;
mod guard;
mod projects;

use super::table::Table;

/// Its methods.
pub fn tables() -> [Table; 2] {
    [accounts::methods(), projects::methods()].map(|methods| Table {
        api: &guard::API,
        methods,
    })
}
