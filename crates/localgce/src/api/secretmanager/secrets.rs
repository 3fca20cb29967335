//! Secrets.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::auth::Caller;
use super::super::body::Body;
use super::super::body::StringMap;
use super::super::error::{Error, Status};
use super::super::list::ListQuery;
use super::{Answer, Place, allow, etag, iam, listing, no_such_method, store, versions};
use crate::clock;
use crate::engine::Engine;

/// A secret that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    replication: Option<Replication>,
    #[serde(default)]
    labels: StringMap,
    #[serde(default)]
    annotations: StringMap,
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
        for (field, map) in [
            ("labels", secret.labels),
            ("annotations", secret.annotations),
        ] {
            if !map.is_empty() {
                body[field] = json!(map);
            }
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
        allow(tx, &caller, "secretmanager.secrets.list", "", &project)?;
        Ok::<_, Error>(store::list(tx, &project)?)
    })?;
    Ok(listing("secrets", secrets.len(), query.page(secrets)?))
}

/// GET of the secret or of its policy.
pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
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
        "getIamPolicy" => iam::get_policy(&engine, &caller, &name),
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

pub async fn delete(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    let (name, _) = place.secret()?;
    engine.store.transaction(|tx| {
        allow(tx, &caller, "secretmanager.secrets.delete", &name, &name)?;
        find(tx, &name)?;
        Ok::<_, Error>(store::remove(tx, &name)?)
    })?;
    Ok(Json(json!({})))
}

/// The secret, for one who may know.
pub fn find(tx: &rusqlite::Connection, name: &str) -> Result<store::Secret, Error> {
    store::get(tx, name)?.ok_or_else(|| Error::missing(format!("Secret [{name}] not found.")))
}
