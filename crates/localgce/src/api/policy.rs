//! IAM policies: who may do what with a resource. Projects, accounts, secrets and buckets share them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::prune;
use super::call::Call;
use super::condition::flaw;
use super::grants::permits;
use super::handler::{Handler, json, plain};
use super::method::Need;
use crate::engine::Caller;
use crate::error::Error;
use crate::store::{accounts, policies, projects, roles};

/// The version of policies whose bindings may have conditions.
const CONDITIONAL: u8 = 3;

/// What a conditional binding's role is called for a client that asks for an older version.
const WITH_CONDITION: &str = "_withcond_";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetIamPolicyRequest {
    policy: Policy,
    #[serde(rename = "updateMask")]
    _update_mask: Option<String>,
}

/// A policy as a client sends it.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    #[serde(default)]
    version: u8,
    #[serde(default)]
    bindings: Vec<Binding>,
    audit_configs: Option<Value>,
    #[serde(skip_serializing)]
    etag: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Binding {
    role: String,
    #[serde(default)]
    members: Vec<String>,
    condition: Option<Condition>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    expression: String,
    title: Option<String>,
    description: Option<String>,
    location: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetIamPolicyRequest {
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    #[serde(default)]
    requested_policy_version: u8,
}

/// The query of a `getIamPolicy` that is a GET.
#[derive(Deserialize)]
struct PolicyQuery {
    #[serde(rename = "options.requestedPolicyVersion", default)]
    version: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestIamPermissionsRequest {
    #[serde(default)]
    permissions: Vec<String>,
}

/// A resource that has a policy.
pub struct Guarded {
    /// Its name, as conditions call it.
    pub name: String,
    /// Its own policy.
    pub own: Value,
    /// Its project's.
    pub above: Value,
}

/// Finds the resource that a call is about.
pub type Find = fn(&Connection, &Call) -> Result<Guarded, Error>;

/// Keeps the policy of a resource, by the resource's name.
pub type Keep = fn(&Connection, &str, &Value) -> rusqlite::Result<()>;

/// `getIamPolicy` by POST.
pub fn get(find: Find) -> Handler {
    json(move |call, tx, request: GetIamPolicyRequest| {
        let policy = find(tx, call)?.own;
        Ok(answered(policy, request.options.requested_policy_version))
    })
}

/// `getIamPolicy` by GET.
pub fn get_by_query(find: Find) -> Handler {
    plain(move |call, tx| {
        let query: PolicyQuery = call.query()?;
        Ok(answered(find(tx, call)?.own, query.version))
    })
}

/// `setIamPolicy`.
pub fn set(find: Find, keep: Keep) -> Handler {
    json(move |call, tx, request: SetIamPolicyRequest| {
        let resource = find(tx, call)?;
        let policy = replace(tx, &resource.own, request.policy)?;
        keep(tx, &resource.name, &policy)?;
        Ok(answered(policy, CONDITIONAL))
    })
}

/// `testIamPermissions`: which of the permissions the caller has.
pub fn test(find: Find) -> Handler {
    json(move |call, tx, request: TestIamPermissionsRequest| {
        let resource = find(tx, call)?;
        let mut held = Vec::new();
        for permission in request.permissions {
            if permission.contains('*') {
                return Err(Error::invalid(format!(
                    "Permission {permission} is not valid for this resource."
                )));
            }
            if resource.permits(tx, &call.caller, &permission, &resource.name)? {
                held.push(permission);
            }
        }
        Ok(if held.is_empty() {
            json!({})
        } else {
            json!({"permissions": held})
        })
    })
}

impl Guarded {
    /// A resource of a project whose policy the store keeps by the resource's name.
    pub fn new(tx: &Connection, project: &str, name: String) -> Result<Self, Error> {
        Ok(Self {
            own: policies::get(tx, &name)?,
            above: of_project(tx, project)?,
            name,
        })
    }

    /// Whether the caller has a permission, here or on something below it.
    pub fn permits(
        &self,
        tx: &Connection,
        caller: &Caller,
        permission: &str,
        resource: &str,
    ) -> Result<bool, Error> {
        permits(tx, caller, permission, resource, &[&self.own, &self.above])
    }
}

/// Refuses a caller who has not a permission on `projects/P` or on something below it.
pub fn require(tx: &Connection, caller: &Caller, need: &Need) -> Result<(), Error> {
    let Need {
        permission,
        resource,
    } = need;
    let project = resource.split('/').nth(1).unwrap_or_default();
    let guarded = Guarded::new(tx, project, resource.clone())?;
    if guarded.permits(tx, caller, permission, resource)? {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "Permission '{permission}' denied on resource '//{resource}' (or it may not exist)."
    ))
    .because(
        "IAM_PERMISSION_DENIED",
        "iam.googleapis.com",
        &json!({"permission": permission, "resource": resource}),
    ))
}

/// The policy of a project, by the project's id.
pub fn of_project(tx: &Connection, project: &str) -> Result<Value, Error> {
    Ok(policies::get(tx, &format!("projects/{project}"))?)
}

/// 404: a custom method that there is not.
pub fn no_such_method(method: &str) -> Error {
    Error::missing(format!("The method {method} was not found on this server."))
}

/// What takes the place of the policy that is there, if the client has seen that one.
pub fn replace(tx: &Connection, present: &Value, mut policy: Policy) -> Result<Value, Error> {
    let unseen = |etag: String| etag != etag_of(present);
    if policy.etag.take().is_some_and(unseen) {
        return Err(Error::aborted(
            "There were concurrent policy changes. Please retry the whole read-modify-write with \
             exponential backoff.",
        ));
    }
    check(tx, &policy)?;
    // A binding of nobody is none.
    policy
        .bindings
        .retain(|binding| !binding.members.is_empty());
    let conditional = policy
        .bindings
        .iter()
        .any(|binding| binding.condition.is_some());
    policy.version = if conditional { CONDITIONAL } else { 1 };
    Ok(prune(json!(policy)))
}

fn check(tx: &Connection, policy: &Policy) -> Result<(), Error> {
    for binding in &policy.bindings {
        let role = &binding.role;
        if role.contains(WITH_CONDITION) {
            return Err(Error::invalid(format!(
                "Role {role} stands for a binding with a condition. Read the policy with \
                 requestedPolicyVersion 3, and send that back."
            )));
        }
        if let Some(condition) = &binding.condition
            && let Some(flaw) = flaw(&condition.expression)
        {
            return Err(Error::invalid(format!(
                "The condition of role {role} cannot be: {flaw}."
            )));
        }
        if binding.condition.is_some() && policy.version != CONDITIONAL {
            return Err(Error::invalid(format!(
                "Policies with bindings that have conditions must have version {CONDITIONAL}, not \
                 {}.",
                policy.version
            )));
        }
        let known = match role.split_once("/roles/") {
            Some(_) => roles::get(tx, role)?.is_some(),
            None => role.starts_with("roles/"),
        };
        if !known {
            return Err(Error::invalid(format!(
                "Role {role} is not supported for this resource."
            )));
        }
        for member in &binding.members {
            check_member(tx, member)?;
        }
    }
    Ok(())
}

/// An account of a project that is here must exist; what is elsewhere, nobody here can know.
fn check_member(tx: &Connection, member: &str) -> Result<(), Error> {
    if ["allUsers", "allAuthenticatedUsers"].contains(&member) {
        return Ok(());
    }
    let (kind, id) = member.split_once(':').ok_or_else(|| {
        Error::invalid(format!(
            "Invalid member {member}: it must begin with user:, serviceAccount:, group: or domain:."
        ))
    })?;
    let project = id
        .split_once('@')
        .and_then(|(_, domain)| domain.strip_suffix(".iam.gserviceaccount.com"));
    let ours = match project {
        Some(project) => projects::get(tx, project)?.is_some(),
        None => false,
    };
    if kind == "serviceAccount" && ours && accounts::get(tx, id)?.is_none() {
        return Err(Error::invalid(format!(
            "Service account {id} does not exist."
        )));
    }
    Ok(())
}

/// A policy as it is answered to one who asks for `version`: with its etag, and for versions before
/// 3 with names that tell of conditions instead of the conditions.
pub fn answered(policy: Value, version: u8) -> Value {
    let etag = etag_of(&policy);
    let mut policy = policy;
    if version < CONDITIONAL && policy["version"] == CONDITIONAL {
        policy["version"] = 1.into();
        let bindings = policy["bindings"].as_array_mut().into_iter().flatten();
        for binding in bindings.filter_map(Value::as_object_mut) {
            if let Some(condition) = binding.shift_remove("condition") {
                let role = binding["role"].as_str().unwrap_or_default();
                let hash = crc32c::crc32c(condition.to_string().as_bytes());
                binding["role"] = format!("{role}{WITH_CONDITION}{hash:08x}").into();
            }
        }
    }
    if policy["version"].is_null() {
        policy["version"] = 1.into();
    }
    policy["etag"] = etag.into();
    policy
}

/// Changes with the policy. Base64, as bytes are in JSON.
fn etag_of(policy: &Value) -> String {
    let hash = crc32c::crc32c(policy.to_string().as_bytes());
    BASE64_STANDARD.encode(format!("{hash:08x}"))
}

#[cfg(test)]
mod tests {
    use super::answered;
    use serde_json::json;

    #[test]
    fn conditions_show_to_those_who_ask_for_them() {
        let policy = json!({"version": 3, "bindings": [
            {"role": "roles/viewer", "members": ["user:a@x"], "condition": {"expression": "true"}},
            {"role": "roles/owner", "members": ["user:b@x"]},
        ]});
        let new = answered(policy.clone(), 3);
        assert_eq!(new["bindings"], policy["bindings"]);
        let old = answered(policy, 1);
        assert_eq!((&old["version"], &old["etag"]), (&json!(1), &new["etag"]));
        let role = old["bindings"][0]["role"].as_str().unwrap();
        assert!(role.starts_with("roles/viewer_withcond_"), "{role}");
        assert!(old["bindings"][0]["condition"].is_null());
    }
}
