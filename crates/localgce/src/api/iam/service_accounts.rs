//! Service accounts.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::handler::{Handler, json, plain};
use super::super::list::ListQuery;
use super::super::method::{self, Method};
use super::super::policy;
use super::guard::{account, guarded, project};
use crate::engine::accounts;
use crate::error::Error;
use crate::store::{accounts as store, policies};

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "iam.projects.serviceAccounts.list",
            "v1/projects/{projectsId}/serviceAccounts",
        )
        .needs("iam.serviceAccounts.list", plain(list)),
        method::post(
            "iam.projects.serviceAccounts.create",
            "v1/projects/{projectsId}/serviceAccounts",
        )
        .needs("iam.serviceAccounts.create", json(create)),
        method::get(
            "iam.projects.serviceAccounts.get",
            "v1/projects/{projectsId}/serviceAccounts/{serviceAccountsId}",
        )
        .needs(
            "iam.serviceAccounts.get",
            plain(|call, tx| account(tx, call)),
        ),
        method::patch(
            "iam.projects.serviceAccounts.patch",
            "v1/projects/{projectsId}/serviceAccounts/{serviceAccountsId}",
        )
        .needs("iam.serviceAccounts.update", json(patch)),
        method::delete(
            "iam.projects.serviceAccounts.delete",
            "v1/projects/{projectsId}/serviceAccounts/{serviceAccountsId}",
        )
        .needs("iam.serviceAccounts.delete", plain(delete)),
        method::post(
            "iam.projects.serviceAccounts.enable",
            "v1/projects/{projectsId}/serviceAccounts/{serviceAccountsId}:enable",
        )
        .needs("iam.serviceAccounts.enable", switch(false)),
        method::post(
            "iam.projects.serviceAccounts.disable",
            "v1/projects/{projectsId}/serviceAccounts/{serviceAccountsId}:disable",
        )
        .needs("iam.serviceAccounts.disable", switch(true)),
        method::post(
            "iam.projects.serviceAccounts.getIamPolicy",
            "v1/projects/{projectsId}/serviceAccounts/{serviceAccountsId}:getIamPolicy",
        )
        .needs("iam.serviceAccounts.getIamPolicy", policy::get(guarded)),
        method::post(
            "iam.projects.serviceAccounts.setIamPolicy",
            "v1/projects/{projectsId}/serviceAccounts/{serviceAccountsId}:setIamPolicy",
        )
        .needs(
            "iam.serviceAccounts.setIamPolicy",
            policy::set(guarded, policies::set),
        ),
        method::post(
            "iam.projects.serviceAccounts.testIamPermissions",
            "v1/projects/{projectsId}/serviceAccounts/{serviceAccountsId}:testIamPermissions",
        )
        .open(policy::test(guarded)),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateServiceAccountRequest {
    account_id: String,
    #[serde(default)]
    service_account: ServiceAccount,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PatchServiceAccountRequest {
    service_account: ServiceAccount,
    update_mask: Option<String>,
}

/// An account as a client sends it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ServiceAccount {
    display_name: Option<String>,
    description: Option<String>,
}

fn create(
    call: &Call,
    tx: &Connection,
    request: CreateServiceAccountRequest,
) -> Result<Value, Error> {
    let id = request.account_id;
    // A project's id and an account's follow the same rule.
    if !crate::catalog::is_project_id(&id) {
        return Err(Error::invalid(format!(
            "Invalid account_id '{id}': it must be 6 to 30 characters and match \
             [a-z]([-a-z0-9]*[a-z0-9])."
        )));
    }
    let project = project(tx, call)?;
    let email = accounts::email(&project, &id);
    if store::get(tx, &email)?.is_some() {
        return Err(Error::conflict(
            "alreadyExists",
            format!("Service account {id} already exists within project projects/{project}."),
        ));
    }
    let ServiceAccount {
        display_name,
        description,
    } = &request.service_account;
    let (display_name, description) = (display_name.as_deref(), description.as_deref());
    Ok(accounts::create(
        tx,
        &project,
        &email,
        display_name,
        description,
    )?)
}

fn list(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let accounts = store::list(tx, &project(tx, call)?)?;
    Ok(query.page(accounts)?.body("accounts"))
}

fn patch(
    call: &Call,
    tx: &Connection,
    request: PatchServiceAccountRequest,
) -> Result<Value, Error> {
    let mut account = account(tx, call)?;
    let mask = request.update_mask.unwrap_or_default();
    for (field, value) in [
        ("displayName", request.service_account.display_name),
        ("description", request.service_account.description),
    ] {
        let masked = |name: &str| name.replace('_', "").eq_ignore_ascii_case(field);
        if mask.split(',').any(masked) {
            account[field] = value.unwrap_or_default().into();
        }
    }
    store::update(tx, email(&account), &account)?;
    Ok(account)
}

fn delete(call: &Call, tx: &Connection) -> Result<Value, Error> {
    policies::remove(tx, &guarded(tx, call)?.name)?;
    store::remove(tx, email(&account(tx, call)?))?;
    Ok(json!({}))
}

/// `enable` or `disable`.
fn switch(disabled: bool) -> Handler {
    json(move |call, tx, _: Value| {
        let mut account = account(tx, call)?;
        if let Some(fields) = account.as_object_mut() {
            fields.shift_remove("disabled");
        }
        if disabled {
            account["disabled"] = true.into();
        }
        store::update(tx, email(&account), &account)?;
        Ok(json!({}))
    })
}

fn email(account: &Value) -> &str {
    account["email"].as_str().unwrap_or_default()
}
