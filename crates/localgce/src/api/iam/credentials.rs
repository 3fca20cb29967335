//! IAM Service Account Credentials, version 1: acting as a service account.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::typed;
use crate::clock;
use crate::engine::Engine;
use crate::error::Error;

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
pub fn generate_access_token(engine: &Engine, email: &str, body: Value) -> Result<Value, Error> {
    let request: GenerateAccessTokenRequest = typed(body)?;
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
    let token = engine.tokens.issue(email);
    let end = clock::unix_millis() / 1000 + token.expires_in;
    Ok(json!({"accessToken": token.access_token, "expireTime": clock::rfc3339_seconds(end)}))
}
