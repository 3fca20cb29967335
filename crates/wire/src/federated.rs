use std::path::Path;

use serde_json::{Value, json};

/// Credentials as workload identity federation has them: the token in a file is exchanged for another
/// one, and that for one of a service account. `url` is an engine's, `account` an email.
///
/// They are of Google's own format (<https://google.aip.dev/auth/4117>), for Google's own libraries.
#[must_use]
pub fn federated(url: &str, token: &Path, account: &str) -> Value {
    let pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a";
    json!({
        "type": "external_account",
        "audience": format!("{pool}/providers/b"),
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "credential_source": {"file": token},
        "token_url": format!("{url}/v1/token"),
        "service_account_impersonation_url":
            format!("{url}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"),
    })
}
