//! IAM, version 1: service accounts and roles.

mod credentials;
mod guard;
mod permissions;
mod predefined;
mod roles;
mod service_accounts;

use super::table::Table;

/// Its methods, and those of the API that gives tokens.
pub fn tables() -> [Table; 5] {
    [
        (&guard::API, service_accounts::methods()),
        (&guard::API, roles::methods()),
        (&guard::API, predefined::methods()),
        (&guard::API, permissions::methods()),
        (&guard::CREDENTIALS, credentials::methods()),
    ]
    .map(|(api, methods)| Table { api, methods })
}
