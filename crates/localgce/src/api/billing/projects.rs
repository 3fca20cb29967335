//! Who pays for a project.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::handler::{json, plain};
use super::super::method::{self, Method};
use super::guard::project;
use crate::catalog::BILLING_ACCOUNT;
use crate::error::Error;
use crate::store::projects as store;

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "cloudbilling.projects.getBillingInfo",
            "v1/projects/{projectsId}/billingInfo",
        )
        .needs(
            "resourcemanager.projects.get",
            plain(|call, tx| Ok(body(&project(tx, call)?))),
        ),
        method::put(
            "cloudbilling.projects.updateBillingInfo",
            "v1/projects/{projectsId}/billingInfo",
        )
        .needs(
            "resourcemanager.projects.createBillingAssignment",
            json(update),
        ),
    ]
}

/// Who is to pay; an empty name means nobody.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProjectBillingInfo {
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

fn update(call: &Call, tx: &Connection, request: ProjectBillingInfo) -> Result<Value, Error> {
    let project = project(tx, call)?;
    let account = match request.billing_account_name.as_str() {
        "" => None,
        BILLING_ACCOUNT => Some(BILLING_ACCOUNT),
        _ => return Err(Error::forbidden("The caller does not have permission")),
    };
    store::set_billing_account(tx, &project.id, account)?;
    Ok(body(&store::Project {
        billing_account: account.map(str::to_owned),
        ..project
    }))
}

/// What a project is told of its billing.
pub fn body(project: &store::Project) -> Value {
    json!({
        "name": format!("projects/{}/billingInfo", project.id),
        "projectId": project.id,
        "billingAccountName": project.billing_account.as_deref().unwrap_or_default(),
        "billingEnabled": project.billing_account.is_some(),
    })
}
