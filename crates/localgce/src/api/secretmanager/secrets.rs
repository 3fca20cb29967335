//! Secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::{Body, Int64, StringMap};
use super::super::list::ListQuery;
use super::super::policy::PolicyQuery;
use super::{
    Answer, Place, allow, etag, find, iam, listing, no_such_method, seen, store, versions,
};
use crate::clock;
use crate::engine::Caller;
use crate::engine::Engine;
use crate::error::{Error, Status};

/// A secret that is to be, or changes of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secret {
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
pub struct CreateQuery {
    #[serde(default)]
    secret_id: String,
}

pub async fn create(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<CreateQuery>,
    Body(secret): Body<Secret>,
) -> Answer {
    let project = place.project()?;
    let id = query.secret_id;
    let fields = secret.fields();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name = format!("{project}/secrets/{id}");
    let body = engine.store.transaction(|tx| {
        allow(tx, &caller, "secretmanager.secrets.create", &name, &project)?;
        if id.is_empty() || id.len() > 255 || !id.chars().all(good) {
            return Err(Error::invalid(format!(
                "The provided Secret ID [{id}] does not match the expected format \
                 [[a-zA-Z_0-9-]{{1,255}}]"
            )));
        }
        let replication = match secret.replication {
            Some(Replication {
                automatic: Some(automatic),
                user_managed: None,
            }) => {
                json!({"automatic": automatic})
            }
            Some(Replication {
                automatic: None,
                user_managed: Some(managed),
            }) => {
                json!({"userManaged": managed})
            }
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
        let mut body =
            json!({"name": name, "replication": replication, "createTime": clock::now()});
        for (field, map) in fields {
            set(&mut body, field, map);
        }
        body["etag"] = etag(&body).into();
        store::insert(tx, &name, &body)?;
        Ok(body)
    })?;
    Ok(Json(body))
}

pub async fn list(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let project = place.project()?;
    let secrets = engine.store.transaction(|tx| {
        allow(
            tx,
            &caller,
            "secretmanager.secrets.list",
            &project,
            &project,
        )?;
        Ok::<_, Error>(store::list(tx, &project)?)
    })?;
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PatchQuery {
    update_mask: Option<String>,
}

pub async fn patch(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<PatchQuery>,
    Body(secret): Body<Secret>,
) -> Answer {
    let (name, _) = place.secret()?;
    let mask = query.update_mask.unwrap_or_default();
    let masked: Vec<_> = mask.split(',').filter(|field| !field.is_empty()).collect();
    let body = engine.store.transaction(|tx| {
        allow(tx, &caller, "secretmanager.secrets.update", &name, &name)?;
        let mut body = find(tx, &name)?.body;
        seen(&body, secret.etag.as_deref())?;
        if masked.is_empty() {
            return Err(Error::invalid(
                "update_mask is required: which fields to change",
            ));
        }
        for path in masked {
            let field = path.replace('_', "");
            let change = secret
                .fields()
                .into_iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(&field));
            let (field, map) = change.ok_or_else(|| {
                Error::invalid(format!(
                    "The field {path} of a secret does not change in this engine: labels, \
                     annotations and versionAliases do."
                ))
            })?;
            set(&mut body, field, map);
        }
        check_aliases(tx, &name, &body)?;
        if let Some(fields) = body.as_object_mut() {
            fields.shift_remove("etag");
        }
        body["etag"] = etag(&body).into();
        store::update(tx, &name, &body)?;
        Ok(body)
    })?;
    Ok(Json(body))
}

/// An alias stands for a version that there is.
fn check_aliases(tx: &rusqlite::Connection, name: &str, body: &Value) -> Result<(), Error> {
    for number in body["versionAliases"]
        .as_object()
        .into_iter()
        .flat_map(|map| map.values())
    {
        let number = number.as_str().and_then(|number| number.parse().ok());
        if store::version(tx, name, number.unwrap_or_default())?.is_none() {
            return Err(Error::precondition(format!(
                "Secret [{name}] has no version for one of versionAliases."
            )));
        }
    }
    Ok(())
}

/// GET of the secret or of its policy.
pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<PolicyQuery>,
) -> Answer {
    let (name, method) = place.secret()?;
    match method {
        "" => {
            let secret = engine.store.transaction(|tx| {
                allow(tx, &caller, "secretmanager.secrets.get", &name, &name)?;
                find(tx, &name)
            })?;
            Ok(Json(secret.body))
        }
        "getIamPolicy" => iam::get_policy(&engine, &caller, &name, query.version),
        method => Err(no_such_method(method)),
    }
}

/// The custom methods that are POSTs.
pub async fn post(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    request: Request,
) -> Result<Json<Value>, axum::response::Response> {
    use axum::extract::FromRequest;
    use axum::response::IntoResponse;
    let refuse = |status: Status| status.into_response();
    let (name, method) = place.secret().map_err(|error| refuse(error.into()))?;
    match method {
        "addVersion" => {
            let Body(body) = Body::from_request(request, &()).await?;
            versions::add(&engine, &caller, &name, &body).map_err(refuse)
        }
        "setIamPolicy" => {
            let Body(body) = Body::from_request(request, &()).await?;
            iam::set_policy(&engine, &caller, &name, body).map_err(refuse)
        }
        "testIamPermissions" => {
            let Body(body) = Body::from_request(request, &()).await?;
            iam::test_permissions(&engine, &caller, &name, body).map_err(refuse)
        }
        method => Err(refuse(no_such_method(method))),
    }
}

#[derive(Deserialize)]
pub struct DeleteQuery {
    etag: Option<String>,
}

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Query(query): Query<DeleteQuery>,
) -> Answer {
    let (name, _) = place.secret()?;
    engine.store.transaction(|tx| {
        allow(tx, &caller, "secretmanager.secrets.delete", &name, &name)?;
        seen(&find(tx, &name)?.body, query.etag.as_deref())?;
        Ok::<_, Error>(store::remove(tx, &name)?)
    })?;
    Ok(Json(json!({})))
}
