//! Secrets.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::{Int64, StringMap};
use super::super::call::Call;
use super::super::handler::{json, plain};
use super::super::list::ListQuery;
use super::super::method::{self, Method};
use super::super::policy::{self, Guarded};
use super::guard::{guarded, project, secret};
use super::records::{find, listing, seen, with_etag};
use crate::clock;
use crate::error::Error;
use crate::store::secrets as store;

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "secretmanager.projects.secrets.list",
            "v1/projects/{projectsId}/secrets",
        )
        .needs("secretmanager.secrets.list", plain(list)),
        method::post(
            "secretmanager.projects.secrets.create",
            "v1/projects/{projectsId}/secrets",
        )
        .needs("secretmanager.secrets.create", json(create)),
        method::get(
            "secretmanager.projects.secrets.get",
            "v1/projects/{projectsId}/secrets/{secretsId}",
        )
        .needs("secretmanager.secrets.get", plain(get)),
        method::patch(
            "secretmanager.projects.secrets.patch",
            "v1/projects/{projectsId}/secrets/{secretsId}",
        )
        .needs("secretmanager.secrets.update", json(patch)),
        method::delete(
            "secretmanager.projects.secrets.delete",
            "v1/projects/{projectsId}/secrets/{secretsId}",
        )
        .needs("secretmanager.secrets.delete", plain(delete)),
        method::get(
            "secretmanager.projects.secrets.getIamPolicy",
            "v1/projects/{projectsId}/secrets/{secretsId}:getIamPolicy",
        )
        .needs(
            "secretmanager.secrets.getIamPolicy",
            policy::get_by_query(present),
        ),
        method::post(
            "secretmanager.projects.secrets.setIamPolicy",
            "v1/projects/{projectsId}/secrets/{secretsId}:setIamPolicy",
        )
        .needs(
            "secretmanager.secrets.setIamPolicy",
            policy::set(present, store::set_policy),
        ),
        method::post(
            "secretmanager.projects.secrets.testIamPermissions",
            "v1/projects/{projectsId}/secrets/{secretsId}:testIamPermissions",
        )
        .open(policy::test(|tx, call| guarded(tx, secret(call)?))),
    ]
}

/// The secret that a call is about, with the policies that count for it.
fn present(tx: &Connection, call: &Call) -> Result<Guarded, Error> {
    let name = secret(call)?;
    find(tx, &name)?;
    guarded(tx, name)
}

/// A secret that is to be, or changes of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Secret {
    replication: Option<Replication>,
    #[serde(default)]
    labels: StringMap,
    #[serde(default)]
    annotations: StringMap,
    #[serde(default)]
    version_aliases: BTreeMap<String, Int64>,
    etag: Option<String>,
    #[serde(rename = "name")]
    _name: Option<String>,
    // What a client sends back as it was.
    #[serde(rename = "createTime")]
    _create_time: Option<Value>,
}

impl Secret {
    /// The fields that may change, by their names.
    fn fields(&self) -> [(&'static str, Value); 3] {
        [
            ("labels", json!(self.labels)),
            ("annotations", json!(self.annotations)),
            ("versionAliases", json!(self.version_aliases)),
        ]
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Replication {
    automatic: Option<Value>,
    user_managed: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateQuery {
    #[serde(default)]
    secret_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PatchQuery {
    update_mask: Option<String>,
}

#[derive(Deserialize)]
struct DeleteQuery {
    etag: Option<String>,
}

fn create(call: &Call, tx: &Connection, request: Secret) -> Result<Value, Error> {
    let CreateQuery { secret_id: id } = call.query()?;
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.is_empty() || id.len() > 255 || !id.chars().all(good) {
        return Err(Error::invalid(format!(
            "The provided Secret ID [{id}] does not match the expected format \
             [[a-zA-Z_0-9-]{{1,255}}]"
        )));
    }
    let name = format!("{}/secrets/{id}", project(call)?);
    let fields = request.fields();
    let replication = match request.replication {
        Some(Replication {
            automatic: Some(automatic),
            user_managed: None,
        }) => json!({"automatic": automatic}),
        Some(Replication {
            automatic: None,
            user_managed: Some(managed),
        }) => json!({"userManaged": managed}),
        _ => {
            return Err(Error::invalid(
                "secret.replication is required: automatic or userManaged",
            ));
        }
    };
    if store::get(tx, &name)?.is_some() {
        let message = format!("Secret [{name}] already exists.");
        return Err(Error::conflict("alreadyExists", message));
    }
    let mut body = json!({"name": name, "replication": replication, "createTime": clock::now()});
    for (field, map) in fields {
        set(&mut body, field, map);
    }
    let body = with_etag(body);
    store::insert(tx, &name, &body)?;
    Ok(body)
}

fn list(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let secrets = store::list(tx, &project(call)?)?;
    Ok(listing("secrets", secrets.len(), query.page(secrets)?))
}

/// Sets a field, or takes away one that has become empty.
fn set(body: &mut Value, field: &str, map: Value) {
    if map.as_object().is_some_and(|map| !map.is_empty()) {
        body[field] = map;
    } else if let Some(fields) = body.as_object_mut() {
        fields.shift_remove(field);
    }
}

fn patch(call: &Call, tx: &Connection, request: Secret) -> Result<Value, Error> {
    let PatchQuery { update_mask } = call.query()?;
    let mask = update_mask.unwrap_or_default();
    let mut masked = mask.split(',').filter(|field| !field.is_empty()).peekable();
    let name = secret(call)?;
    let mut body = find(tx, &name)?.body;
    seen(&body, request.etag.as_deref())?;
    if masked.peek().is_none() {
        return Err(Error::invalid(
            "update_mask is required: which fields to change",
        ));
    }
    for path in masked {
        let field = path.replace('_', "");
        let mut fields = request.fields().into_iter();
        let change = fields.find(|(name, _)| name.eq_ignore_ascii_case(&field));
        let (field, map) = change.ok_or_else(|| {
            Error::invalid(format!(
                "The field {path} of a secret does not change in this engine: labels, \
                 annotations and versionAliases do."
            ))
        })?;
        set(&mut body, field, map);
    }
    check_aliases(tx, &name, &body)?;
    let body = with_etag(body);
    store::update(tx, &name, &body)?;
    Ok(body)
}

/// An alias stands for a version that there is.
fn check_aliases(tx: &Connection, name: &str, body: &Value) -> Result<(), Error> {
    let aliases = body["versionAliases"].as_object().into_iter().flatten();
    for (_, number) in aliases {
        let number = number.as_str().and_then(|number| number.parse().ok());
        if store::version(tx, name, number.unwrap_or_default())?.is_none() {
            return Err(Error::precondition(format!(
                "Secret [{name}] has no version for one of versionAliases."
            )));
        }
    }
    Ok(())
}

fn get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    Ok(find(tx, &secret(call)?)?.body)
}

fn delete(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let DeleteQuery { etag } = call.query()?;
    let name = secret(call)?;
    seen(&find(tx, &name)?.body, etag.as_deref())?;
    store::remove(tx, &name)?;
    Ok(json!({}))
}
