//! Who may do what with a secret.

use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::auth::Caller;
use super::super::body::prune;
use super::super::error::Error;
use super::secrets::find;
use super::{Answer, allow, etag, store};
use crate::engine::Engine;

/// The only permission that a role grants to anybody but the owner, and that role.
const ACCESS: &str = "secretmanager.versions.access";
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetIamPolicyRequest {
    policy: Policy,
    #[serde(rename = "updateMask")]
    _update_mask: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    #[serde(default)]
    version: u8,
    #[serde(default)]
    bindings: Vec<Binding>,
    etag: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Binding {
    role: String,
    members: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestIamPermissionsRequest {
    permissions: Vec<String>,
}

/// Whether a policy gives a service account a permission.
pub fn grants(policy: &Value, email: &str, permission: &str) -> bool {
    let member = format!("serviceAccount:{email}");
    let mut bindings = policy["bindings"].as_array().into_iter().flatten();
    permission == ACCESS
        && bindings.any(|binding| {
            let mut members = binding["members"].as_array().into_iter().flatten();
            binding["role"] == ACCESSOR && members.any(|other| *other == *member)
        })
}

pub fn get_policy(engine: &Engine, caller: &Caller, name: &str) -> Answer {
    let policy = engine.store.transaction(|tx| {
        allow(tx, caller, "secretmanager.secrets.getIamPolicy", name, name)?;
        Ok::<_, Error>(with_etag(find(tx, name)?.policy))
    })?;
    Ok(Json(policy))
}

pub fn set_policy(
    engine: &Engine,
    caller: &Caller,
    name: &str,
    request: SetIamPolicyRequest,
) -> Answer {
    let policy = engine.store.transaction(|tx| {
        allow(tx, caller, "secretmanager.secrets.setIamPolicy", name, name)?;
        let present = with_etag(find(tx, name)?.policy);
        let mut policy = request.policy;
        if policy
            .etag
            .take()
            .is_some_and(|etag| present["etag"] != *etag)
        {
            return Err(Error::conflict(
                "aborted",
                "There were concurrent policy changes. Please retry the whole read-modify-write \
                 with exponential backoff.",
            ));
        }
        let policy = prune(json!(policy));
        store::set_policy(tx, name, &policy)?;
        Ok(with_etag(policy))
    })?;
    Ok(Json(policy))
}

pub fn test_permissions(
    engine: &Engine,
    caller: &Caller,
    name: &str,
    request: TestIamPermissionsRequest,
) -> Answer {
    let policy = engine
        .store
        .transaction(|tx| store::get(tx, name))
        .map_err(Error::from)?
        .map(|secret| secret.policy)
        .unwrap_or_default();
    let held: Vec<_> = request
        .permissions
        .into_iter()
        .filter(|permission| match caller {
            Caller::Owner => true,
            Caller::ServiceAccount(email) => grants(&policy, email, permission),
        })
        .collect();
    Ok(Json(if held.is_empty() {
        json!({})
    } else {
        json!({"permissions": held})
    }))
}

/// A policy as it is answered. Its etag is base64, as bytes are in JSON.
fn with_etag(mut policy: Value) -> Value {
    use base64::Engine as _;
    policy["etag"] = base64::prelude::BASE64_STANDARD
        .encode(etag(&policy))
        .into();
    policy
}

#[cfg(test)]
mod tests {
    use super::{ACCESS, ACCESSOR, grants};
    use serde_json::json;

    #[test]
    fn only_the_accessor_and_only_access() {
        let policy = json!({"bindings": [
            {"role": "roles/secretmanager.viewer", "members": ["serviceAccount:viewer@x"]},
            {"role": ACCESSOR, "members": ["user:human@x", "serviceAccount:vm@x"]},
        ]});
        assert!(grants(&policy, "vm@x", ACCESS));
        assert!(!grants(&policy, "vm@x", "secretmanager.secrets.get"));
        for other in ["viewer@x", "human@x", "vm", ""] {
            assert!(!grants(&policy, other, ACCESS), "{other}");
        }
        assert!(!grants(&json!({}), "vm@x", ACCESS));
    }
}
