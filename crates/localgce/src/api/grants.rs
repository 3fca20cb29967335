//! Who has which permission: by policies, roles and conditions.

use rusqlite::Connection;
use serde_json::Value;

use super::condition;
use crate::catalog::roles;
use crate::engine::{Bound, Caller};
use crate::error::Error;
use crate::store::roles as custom_roles;

/// Members that every account is.
const EVERYBODY: [&str; 2] = ["allUsers", "allAuthenticatedUsers"];

/// Whether one of the policies, the resource's own or one above it, gives the caller a permission on
/// a resource. The owner has all.
pub fn permits(
    tx: &Connection,
    caller: &Caller,
    permission: &str,
    resource: &str,
    policies: &[&Value],
) -> Result<bool, Error> {
    let Caller::ServiceAccount(email) = caller else {
        return Ok(true);
    };
    let member = format!("serviceAccount:{email}");
    let roles = policies
        .iter()
        .flat_map(|policy| roles_of(policy, &member, resource));
    for role in roles {
        if includes(tx, role, permission)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a token that goes no further than `bound` goes as far as a permission on a bucket, or on the
/// resource of this name in it.
pub fn reaches(
    tx: &Connection,
    bound: &Bound,
    permission: &str,
    bucket: &str,
    resource: &str,
) -> Result<bool, Error> {
    for rule in bound.rules(bucket) {
        let met = rule.condition();
        if met.is_none_or(|expression| condition::holds(expression, resource)) {
            for role in rule.roles() {
                if includes(tx, role, permission)? {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// The roles that a policy gives a member on a resource.
fn roles_of<'a>(policy: &'a Value, member: &str, resource: &str) -> impl Iterator<Item = &'a str> {
    let bindings = policy["bindings"].as_array().into_iter().flatten();
    bindings
        .filter(move |binding| {
            let mut members = binding["members"].as_array().into_iter().flatten();
            let expression = binding["condition"]["expression"].as_str();
            members.any(|other| *other == *member || EVERYBODY.iter().any(|all| *other == **all))
                && expression.is_none_or(|expression| condition::holds(expression, resource))
        })
        .filter_map(|binding| binding["role"].as_str())
}

fn includes(tx: &Connection, role: &str, permission: &str) -> Result<bool, Error> {
    if let Some(role) = roles::role(role) {
        return Ok(role.includes(permission));
    }
    let Some(role) = custom_roles::get(tx, role)? else {
        return Ok(false);
    };
    let mut permissions = role["includedPermissions"].as_array().into_iter().flatten();
    Ok(role["deleted"] != true && permissions.any(|other| *other == *permission))
}

#[cfg(test)]
mod tests {
    use super::roles_of;
    use serde_json::json;

    #[test]
    fn roles_are_their_members_alone_and_as_far_as_conditions_go() {
        let policy = json!({"bindings": [
            {"role": "roles/a", "members": ["serviceAccount:vm@x", "user:human@x"]},
            {"role": "roles/b", "members": ["serviceAccount:other@x"]},
            {"role": "roles/c", "members": ["serviceAccount:vm@x"],
             "condition": {"expression": "resource.name.endsWith('/mine')"}},
        ]});
        let roles = |member, resource| roles_of(&policy, member, resource).collect::<Vec<_>>();
        assert_eq!(roles("serviceAccount:vm@x", "yours"), ["roles/a"]);
        assert_eq!(
            roles("serviceAccount:vm@x", "it/is/mine"),
            ["roles/a", "roles/c"]
        );
        assert!(roles("serviceAccount:human@x", "").is_empty());
        let open = json!({"bindings": [{"role": "roles/a", "members": ["allUsers"]}]});
        assert_eq!(roles_of(&open, "serviceAccount:vm@x", "").count(), 1);
    }
}
