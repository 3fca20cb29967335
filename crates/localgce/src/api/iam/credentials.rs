//! IAM Service Account Credentials, version 1: acting as a service account.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::handler::json;
use super::super::method::{self, Method};
use super::guard::account;
use crate::clock;
use crate::error::Error;

pub fn methods() -> Vec<Method> {
    vec![
        method::post(
            "iamcredentials.projects.serviceAccounts.generateAccessToken",
            "v1/projects/{projectsId}/serviceAccounts/{serviceAccountsId}:generateAccessToken",
        )
        .needs(
            "iam.serviceAccounts.getAccessToken",
            json(generate_access_token),
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GenerateAccessTokenRequest {
    #[serde(default)]
    scope: Vec<String>,
    // Google's Python library writes null for none.
    delegates: Option<Vec<String>>,
    lifetime: Option<String>,
}

/// A token of the account, for a caller who may have one. It lives as long as all tokens do.
fn generate_access_token(
    call: &Call,
    tx: &Connection,
    request: GenerateAccessTokenRequest,
) -> Result<Value, Error> {
    if request.scope.is_empty() {
        return Err(Error::invalid("scope is required: at least one"));
    }
    if request.delegates.is_some_and(|chain| !chain.is_empty()) {
        return Err(Error::invalid("this engine has no chains of delegates"));
    }
    let lifetime = request.lifetime.as_deref().unwrap_or("3600s");
    let seconds = lifetime
        .strip_suffix('s')
        .and_then(|text| text.parse().ok());
    if !seconds.is_some_and(|seconds: f64| 0.0 < seconds && seconds <= 3600.0) {
        return Err(Error::invalid(format!(
            "lifetime {lifetime:?} is not a time of up to 3600s"
        )));
    }
    let account = account(tx, call)?;
    if account["disabled"] == true {
        return Err(Error::precondition("Service account is disabled."));
    }
    let email = account["email"].as_str().unwrap_or_default();
    let token = call.engine.tokens.issue(email);
    let end = clock::unix_millis() / 1000 + token.expires_in;
    Ok(json!({"accessToken": token.access_token, "expireTime": clock::rfc3339_seconds(end)}))
}
