//! Billing accounts: one, which costs nothing.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::list::ListQuery;
use super::{Answer, projects};
use crate::catalog::BILLING_ACCOUNT;
use crate::engine::Caller;
use crate::engine::Engine;
use crate::error::Error;
use crate::store::projects as store;

#[derive(Deserialize)]
pub struct Place {
    account: String,
}

impl Place {
    /// Refuses another account than the only one, and a caller whose it is not.
    fn check(&self, caller: &Caller) -> Result<(), Error> {
        let ours = format!("billingAccounts/{}", self.account) == BILLING_ACCOUNT;
        if ours && *caller == Caller::Owner {
            return Ok(());
        }
        Err(Error::forbidden("The caller does not have permission"))
    }
}

pub async fn list(Extension(caller): Extension<Caller>, Query(query): Query<ListQuery>) -> Answer {
    let accounts = match caller {
        Caller::Owner => vec![body()],
        Caller::ServiceAccount(_) => Vec::new(),
    };
    let page = query.page(accounts)?;
    Ok(Json(json!({"billingAccounts": page.items})))
}

pub async fn get(Extension(caller): Extension<Caller>, Path(place): Path<Place>) -> Answer {
    place.check(&caller)?;
    Ok(Json(body()))
}

/// The projects that an account pays for.
pub async fn projects(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<ListQuery>,
) -> Answer {
    place.check(&caller)?;
    let projects = engine.store.transaction(store::list)?;
    let paid = projects
        .iter()
        .filter(|project| project.billing_account.is_some())
        .map(projects::body);
    let page = query.page(paid.collect())?;
    Ok(Json(page.body("projectBillingInfo")))
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
