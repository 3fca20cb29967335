//! Who pays for a project.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::Body;
use super::super::policy::Resource;
use super::Answer;
use crate::catalog::BILLING_ACCOUNT;
use crate::engine::Caller;
use crate::engine::Engine;
use crate::error::Error;
use crate::store::projects as store;

#[derive(Deserialize)]
pub struct Place {
    project: String,
}

impl Place {
    /// The project, if the caller has the permission `projects.{verb}`.
    fn project(
        &self,
        tx: &Connection,
        caller: &Caller,
        verb: &str,
    ) -> Result<store::Project, Error> {
        let found = store::get(tx, &self.project)?.filter(store::Project::active);
        let project =
            found.ok_or_else(|| Error::forbidden("The caller does not have permission"))?;
        let resource = Resource {
            name: &format!("projects/{}", project.id),
            project: &project.id,
            kind: "resourcemanager.projects",
        };
        resource.require(tx, caller, verb)?;
        Ok(project)
    }
}

/// Who is to pay; an empty name means nobody.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectBillingInfo {
    #[serde(default)]
    billing_account_name: String,
    // What an update sends back as it was.
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "projectId")]
    _project_id: Option<String>,
    #[serde(rename = "billingEnabled")]
    _billing_enabled: Option<bool>,
}

pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    let project = engine
        .store
        .transaction(|tx| place.project(tx, &caller, "get"))?;
    Ok(Json(body(&project)))
}

pub async fn update(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(request): Body<ProjectBillingInfo>,
) -> Answer {
    let body = engine.store.transaction(|tx| {
        let project = place.project(tx, &caller, "createBillingAssignment")?;
        let account = match request.billing_account_name.as_str() {
            "" => None,
            BILLING_ACCOUNT => Some(BILLING_ACCOUNT),
            _ => return Err(Error::forbidden("The caller does not have permission")),
        };
        store::set_billing_account(tx, &project.id, account)?;
        let project = store::Project {
            billing_account: account.map(str::to_owned),
            ..project
        };
        Ok(body(&project))
    })?;
    Ok(Json(body))
}

pub fn body(project: &store::Project) -> Value {
    json!({
        "name": format!("projects/{}/billingInfo", project.id),
        "projectId": project.id,
        "billingAccountName": project.billing_account.as_deref().unwrap_or_default(),
        "billingEnabled": project.billing_account.is_some(),
    })
}
