//! Security Token Service, version 1: one token for another, as RFC 8693 has it. An engine trusts
//! nobody's tokens but its own.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::json;

use crate::engine::{Bound, Caller, Engine};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

#[derive(Deserialize)]
pub struct ExchangeTokenRequest {
    grant_type: String,
    subject_token: String,
    subject_token_type: String,
    requested_token_type: String,
    #[serde(default)]
    options: String,
}

/// Bytes of a request. Anybody may send one.
pub const LIMIT: usize = 16 << 10;

/// A token of whoever the subject token is of.
pub async fn token(
    State(engine): State<Arc<Engine>>,
    request: Result<Form<ExchangeTokenRequest>, FormRejection>,
) -> Response {
    let Ok(Form(request)) = request else {
        return refuse(
            "invalid_request",
            "it is no form with the fields of RFC 8693",
        );
    };
    if request.grant_type != GRANT {
        return refuse("unsupported_grant_type", "it is no exchange of tokens");
    }
    if [&request.subject_token_type, &request.requested_token_type] != [ACCESS_TOKEN; 2] {
        let what = "this engine has no pools of identities: it exchanges its own access tokens";
        return refuse("invalid_request", what);
    }
    let bound = match &*request.options {
        "" => None,
        options => match Bound::parse(options) {
            Some(bound) => Some(bound),
            None => return refuse("invalid_request", "the options are no access boundary"),
        },
    };
    let (access_token, expires_in) = match (engine.tokens.caller(&request.subject_token), bound) {
        (Some((caller, None)), Some(bound)) => {
            let token = engine.tokens.bind(caller, bound);
            (token.access_token, token.expires_in)
        }
        // The owner's token has no end; an hour is what clients expect.
        (Some((Caller::Owner, None)), None) => (request.subject_token, 3600),
        (Some((Caller::ServiceAccount(email), None)), None) => {
            let token = engine.tokens.issue(&email);
            (token.access_token, token.expires_in)
        }
        (Some((_, Some(_))), _) => {
            return refuse("invalid_grant", "the subject token has a boundary already");
        }
        (None, _) => return refuse("invalid_grant", "the subject token is nobody's here"),
    };
    Json(json!({
        "access_token": access_token,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": expires_in,
    }))
    .into_response()
}

/// As OAuth 2 says it.
fn refuse(error: &str, description: &str) -> Response {
    let body = json!({"error": error, "error_description": description});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
