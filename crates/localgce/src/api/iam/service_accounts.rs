//! Service accounts.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::Body;
use super::super::gate;
use super::super::list::ListQuery;
use super::super::policy::Resource;
use super::{Answer, credentials, require};
use crate::catalog::services::IAM_CREDENTIALS;
use crate::engine::Caller;
use crate::engine::{Engine, accounts};
use crate::error::Error;
use crate::store::{accounts as store, policies, projects};

/// How permissions on accounts begin.
const KIND: &str = "iam.serviceAccounts";

/// The variable parts of a URL.
#[derive(Deserialize)]
pub struct Place {
    project: String,
    account: Option<String>,
}

impl Place {
    /// The project's id, if the caller has the permission `serviceAccounts.{verb}` in it.
    fn project(&self, tx: &Connection, caller: &Caller, verb: &str) -> Result<String, Error> {
        let project = projects::get(tx, &self.project)?
            .map(|project| project.id)
            .unwrap_or_default();
        require(tx, caller, &project, KIND, verb)?;
        Ok(project)
    }

    /// The account's email or id, and the custom method.
    fn account(&self) -> (&str, &str) {
        let account = self.account.as_deref().unwrap_or_default();
        account.split_once(':').unwrap_or((account, ""))
    }

    /// The account, whoever asks.
    fn find(&self, tx: &Connection) -> Result<Account, Error> {
        let (email, _) = self.account();
        let body = store::get(tx, email)?.filter(|body| {
            self.project == "-" || email.contains('@') || body["projectId"] == *self.project
        });
        body.map(Account)
            .ok_or_else(|| Error::missing("Unknown service account"))
    }
}

/// An account's body.
struct Account(Value);

impl Account {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    fn resource(&self) -> Resource<'_> {
        Resource {
            name: self.text("name"),
            project: self.text("projectId"),
            kind: KIND,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateServiceAccountRequest {
    account_id: String,
    #[serde(default)]
    service_account: ServiceAccount,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchServiceAccountRequest {
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

pub async fn create(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(request): Body<CreateServiceAccountRequest>,
) -> Answer {
    let id = request.account_id;
    // A project's id and an account's follow the same rule.
    if !crate::catalog::is_project_id(&id) {
        return Err(Error::invalid(format!(
            "Invalid account_id '{id}': it must be 6 to 30 characters and match \
             [a-z]([-a-z0-9]*[a-z0-9])."
        ))
        .into());
    }
    let body = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "create")?;
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
    })?;
    Ok(Json(body))
}

pub async fn list(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let accounts = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "list")?;
        Ok::<_, Error>(store::list(tx, &project)?)
    })?;
    let page = query.page(accounts)?;
    Ok(Json(page.body("accounts")))
}

pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    let account = engine.store.transaction(|tx| {
        let account = place.find(tx)?;
        account.resource().require(tx, &caller, "get")?;
        Ok::<_, Error>(account)
    })?;
    Ok(Json(account.0))
}

pub async fn patch(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(request): Body<PatchServiceAccountRequest>,
) -> Answer {
    let body = engine.store.transaction(|tx| {
        let mut account = place.find(tx)?;
        account.resource().require(tx, &caller, "update")?;
        let mask = request.update_mask.unwrap_or_default();
        for (field, value) in [
            ("displayName", request.service_account.display_name),
            ("description", request.service_account.description),
        ] {
            let masked = |name: &str| name.replace('_', "").eq_ignore_ascii_case(field);
            if mask.split(',').any(masked) {
                account.0[field] = value.unwrap_or_default().into();
            }
        }
        store::update(tx, account.text("email"), &account.0)?;
        Ok::<_, Error>(account.0)
    })?;
    Ok(Json(body))
}

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    engine.store.transaction(|tx| {
        let account = place.find(tx)?;
        account.resource().require(tx, &caller, "delete")?;
        policies::remove(tx, account.text("name"))?;
        Ok::<_, Error>(store::remove(tx, account.text("email"))?)
    })?;
    Ok(Json(json!({})))
}

/// The custom methods: those of its policy, `:enable`, `:disable` and `:generateAccessToken`.
pub async fn post(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(body): Body<Value>,
) -> Answer {
    let (_, method) = place.account();
    let answer = engine.store.transaction(|tx| {
        let account = place.find(tx)?;
        match method {
            "enable" | "disable" => {
                account.resource().require(tx, &caller, method)?;
                switch(tx, account, method == "disable")
            }
            "generateAccessToken" => {
                gate::check(tx, account.text("projectId"), IAM_CREDENTIALS)?;
                account.resource().require(tx, &caller, "getAccessToken")?;
                if account.0["disabled"] == true {
                    return Err(Error::precondition("Service account is disabled."));
                }
                credentials::generate_access_token(&engine, account.text("email"), body)
            }
            method => account.resource().call(tx, &caller, method, body),
        }
    })?;
    Ok(Json(answer))
}

fn switch(tx: &Connection, mut account: Account, disabled: bool) -> Result<Value, Error> {
    if let Some(fields) = account.0.as_object_mut() {
        fields.shift_remove("disabled");
    }
    if disabled {
        account.0["disabled"] = true.into();
    }
    store::update(tx, account.text("email"), &account.0)?;
    Ok(json!({}))
}
