//! Billing accounts: one, which costs nothing.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::handler::plain;
use super::super::list::ListQuery;
use super::super::method::{self, Method};
use super::projects;
use crate::catalog::BILLING_ACCOUNT;
use crate::engine::Caller;
use crate::error::Error;
use crate::store::projects as store;

pub fn methods() -> Vec<Method> {
    vec![
        method::get("cloudbilling.billingAccounts.list", "v1/billingAccounts").open(plain(list)),
        method::get(
            "cloudbilling.billingAccounts.get",
            "v1/billingAccounts/{billingAccountsId}",
        )
        .open(plain(get)),
        method::get(
            "cloudbilling.billingAccounts.projects.list",
            "v1/billingAccounts/{billingAccountsId}/projects",
        )
        .open(plain(paid)),
    ]
}

/// Refuses another account than the only one, and a caller whose it is not.
fn check(call: &Call) -> Result<(), Error> {
    let ours = format!("billingAccounts/{}", call.name()) == BILLING_ACCOUNT;
    if ours && call.caller == Caller::Owner {
        return Ok(());
    }
    Err(Error::forbidden("The caller does not have permission"))
}

fn list(call: &Call, _: &Connection) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let accounts = match call.caller {
        Caller::Owner => vec![body()],
        Caller::ServiceAccount(_) => Vec::new(),
    };
    Ok(json!({"billingAccounts": query.page(accounts)?.items}))
}

fn get(call: &Call, _: &Connection) -> Result<Value, Error> {
    check(call)?;
    Ok(body())
}

/// The projects that an account pays for.
fn paid(call: &Call, tx: &Connection) -> Result<Value, Error> {
    check(call)?;
    let query: ListQuery = call.query()?;
    let projects = store::list(tx)?;
    let paid = projects
        .iter()
        .filter(|project| project.billing_account.is_some())
        .map(projects::body);
    Ok(query.page(paid.collect())?.body("projectBillingInfo"))
}

fn body() -> Value {
    json!({
        "name": BILLING_ACCOUNT,
        "open": true,
        "displayName": "This machine",
        "masterBillingAccount": "",
        "currencyCode": "USD",
    })
}
