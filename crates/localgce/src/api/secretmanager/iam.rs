//! Who may do what with a secret.

use axum::Json;
use rusqlite::Connection;
use serde_json::Value;

use super::super::grants::permits;
use super::super::policy::{SetIamPolicyRequest, TestIamPermissionsRequest, answered, replace};
use super::{Answer, allow, find, project_policy, store};
use crate::engine::Caller;
use crate::engine::Engine;
use crate::error::Error;

/// Whether the caller has a permission on a resource, by a secret's policy or its project's.
pub fn permitted(
    tx: &Connection,
    caller: &Caller,
    permission: &str,
    secret: &str,
    resource: &str,
) -> Result<bool, Error> {
    let own = store::get(tx, secret)?.map(|secret| secret.policy);
    let above = project_policy(tx, secret)?;
    let policies = [&own.unwrap_or_default(), &above];
    permits(tx, caller, permission, resource, &policies)
}

pub fn get_policy(engine: &Engine, caller: &Caller, name: &str, version: u8) -> Answer {
    let policy = engine.store.transaction(|tx| {
        allow(tx, caller, "secretmanager.secrets.getIamPolicy", name, name)?;
        Ok::<_, Error>(answered(find(tx, name)?.policy, version))
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
        let policy = replace(tx, &find(tx, name)?.policy, request.into())?;
        store::set_policy(tx, name, &policy)?;
        Ok::<_, Error>(answered(policy, 3))
    })?;
    Ok(Json(policy))
}

pub fn test_permissions(
    engine: &Engine,
    caller: &Caller,
    name: &str,
    request: TestIamPermissionsRequest,
) -> Answer {
    let held: Value = engine.store.transaction(|tx| {
        let own = store::get(tx, name)?.map(|secret| secret.policy);
        let above = project_policy(tx, name)?;
        request.answer(tx, caller, name, &[&own.unwrap_or_default(), &above])
    })?;
    Ok(Json(held))
}
