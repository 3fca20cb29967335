//! Versions of secrets, and their payloads.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::{Body, Int64};
use super::super::list::ListQuery;
use super::super::policy;
use super::{
    Answer, Place, allow, etag, find as find_secret, listing, no_such_method, seen, store,
};
use crate::clock;
use crate::engine::Caller;
use crate::engine::Engine;
use crate::error::Error;

/// Google's limit of a payload, in bytes.
const LIMIT: usize = 64 << 10;

// No Debug: it holds the secret itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddSecretVersionRequest {
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    data: String,
    data_crc32c: Option<Int64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    etag: Option<String>,
}

pub fn add(
    engine: &Engine,
    caller: &Caller,
    secret: &str,
    request: &AddSecretVersionRequest,
) -> Answer {
    let body = engine.store.transaction(|tx| {
        allow(tx, caller, "secretmanager.versions.add", secret, secret)?;
        find_secret(tx, secret)?;
        let payload = BASE64_STANDARD
            .decode(&request.payload.data)
            .map_err(|_| Error::invalid("payload.data is not valid base64"))?;
        if payload.len() > LIMIT {
            return Err(Error::invalid(format!(
                "The secret payload is {} bytes long; at most {LIMIT} are allowed.",
                payload.len()
            )));
        }
        let sum = crc32c::crc32c(&payload);
        let given = request.payload.data_crc32c;
        if given.is_some_and(|given| given.0 != u64::from(sum)) {
            return Err(Error::invalid(
                "Data corruption detected: the payload does not match payload.dataCrc32c.",
            ));
        }
        let number = store::latest(tx, secret)? + 1;
        let mut body = json!({
            "name": format!("{secret}/versions/{number}"),
            "createTime": clock::now(),
            "state": "ENABLED",
            "replicationStatus": {"automatic": {}},
        });
        if given.is_some() {
            body["clientSpecifiedPayloadChecksum"] = true.into();
        }
        body["etag"] = etag(&body).into();
        store::insert_version(tx, secret, number, &body, &payload)?;
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
    let (secret, _) = place.secret()?;
    let versions = engine.store.transaction(|tx| {
        allow(tx, &caller, "secretmanager.versions.list", &secret, &secret)?;
        find_secret(tx, &secret)?;
        Ok::<_, Error>(store::versions(tx, &secret)?)
    })?;
    Ok(listing("versions", versions.len(), query.page(versions)?))
}

/// GET of a version or of its payload.
pub async fn get(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
) -> Answer {
    let (secret, _) = place.secret()?;
    let (alias, method) = place.version();
    let resource = format!("{secret}/versions/{alias}");
    let answer = engine.store.transaction(|tx| match method {
        "" => {
            allow(
                tx,
                &caller,
                "secretmanager.versions.get",
                &secret,
                &resource,
            )?;
            Ok(find(tx, &secret, alias)?.1.body)
        }
        "access" => {
            allow(
                tx,
                &caller,
                "secretmanager.versions.access",
                &secret,
                &resource,
            )?;
            access(tx, &secret, alias)
        }
        method => Err(policy::no_such_method(method)),
    })?;
    Ok(Json(answer))
}

fn access(tx: &Connection, secret: &str, alias: &str) -> Result<Value, Error> {
    let (_, version) = find(tx, secret, alias)?;
    let name = version.body["name"].as_str().unwrap_or_default();
    match (version.body["state"].as_str(), &version.payload) {
        (Some("ENABLED"), Some(payload)) => Ok(json!({
            "name": name,
            "payload": {
                "data": BASE64_STANDARD.encode(payload),
                "dataCrc32c": crc32c::crc32c(payload).to_string(),
            },
        })),
        (state, _) => Err(Error::precondition(format!(
            "Secret Version [{name}] is in {} state.",
            state.unwrap_or_default()
        ))),
    }
}

/// `:enable`, `:disable` and `:destroy`.
pub async fn post(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    Body(request): Body<ChangeRequest>,
) -> Answer {
    let (secret, _) = place.secret()?;
    let (alias, method) = place.version();
    let state = match method {
        "enable" => "ENABLED",
        "disable" => "DISABLED",
        "destroy" => "DESTROYED",
        method => return Err(no_such_method(method)),
    };
    let permission = format!("secretmanager.versions.{method}");
    let body = engine.store.transaction(|tx| {
        allow(
            tx,
            &caller,
            &permission,
            &secret,
            &format!("{secret}/versions/{alias}"),
        )?;
        let (number, mut version) = find(tx, &secret, alias)?;
        seen(&version.body, request.etag.as_deref())?;
        if version.payload.is_none() {
            let name = version.body["name"].as_str().unwrap_or_default();
            let message = format!("Secret Version [{name}] is in DESTROYED state.");
            return Err(Error::precondition(message));
        }
        version.body["state"] = state.into();
        if state == "DESTROYED" {
            version.payload = None;
            version.body["destroyTime"] = clock::now().into();
        }
        if let Some(fields) = version.body.as_object_mut() {
            fields.shift_remove("etag");
        }
        version.body["etag"] = etag(&version.body).into();
        store::update_version(tx, &secret, number, &version)?;
        Ok(version.body)
    })?;
    Ok(Json(body))
}

/// A version by its number, by an alias of the secret's or as `latest`.
fn find(tx: &Connection, secret: &str, alias: &str) -> Result<(u32, store::Version), Error> {
    let aliases = store::get(tx, secret)?.map(|secret| secret.body["versionAliases"].clone());
    let number = aliases.as_ref().and_then(|aliases| aliases[alias].as_str());
    let number = match number.unwrap_or(alias) {
        "latest" => store::latest(tx, secret)?,
        number => number.parse().map_err(|_| {
            Error::invalid(format!(
                "The provided Secret Version ID [{secret}/versions/{number}] does not match the \
                 expected format [projects/*/secrets/*/versions/*]"
            ))
        })?,
    };
    let version = store::version(tx, secret, number)?.ok_or_else(|| {
        Error::missing(if alias == "latest" {
            format!("Secret [{secret}] not found or has no versions.")
        } else {
            format!("Secret Version [{secret}/versions/{number}] not found.")
        })
    })?;
    Ok((number, version))
}
