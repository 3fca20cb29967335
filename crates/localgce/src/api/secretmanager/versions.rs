//! Versions of secrets, and their payloads.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::Int64;
use super::super::call::Call;
use super::super::handler::{Handler, json, plain};
use super::super::list::ListQuery;
use super::super::method::{self, Method};
use super::guard::secret;
use super::records::{find as find_secret, listing, seen, with_etag};
use crate::clock;
use crate::error::Error;
use crate::store::secrets as store;

pub fn methods() -> Vec<Method> {
    vec![
        method::post(
            "secretmanager.projects.secrets.addVersion",
            "v1/projects/{projectsId}/secrets/{secretsId}:addVersion",
        )
        .needs("secretmanager.versions.add", json(add)),
        method::get(
            "secretmanager.projects.secrets.versions.list",
            "v1/projects/{projectsId}/secrets/{secretsId}/versions",
        )
        .needs("secretmanager.versions.list", plain(list)),
        method::get(
            "secretmanager.projects.secrets.versions.get",
            "v1/projects/{projectsId}/secrets/{secretsId}/versions/{versionsId}",
        )
        .needs("secretmanager.versions.get", plain(get)),
        method::get(
            "secretmanager.projects.secrets.versions.access",
            "v1/projects/{projectsId}/secrets/{secretsId}/versions/{versionsId}:access",
        )
        .needs("secretmanager.versions.access", plain(access)),
        method::post(
            "secretmanager.projects.secrets.versions.enable",
            "v1/projects/{projectsId}/secrets/{secretsId}/versions/{versionsId}:enable",
        )
        .needs("secretmanager.versions.enable", turn("ENABLED")),
        method::post(
            "secretmanager.projects.secrets.versions.disable",
            "v1/projects/{projectsId}/secrets/{secretsId}/versions/{versionsId}:disable",
        )
        .needs("secretmanager.versions.disable", turn("DISABLED")),
        method::post(
            "secretmanager.projects.secrets.versions.destroy",
            "v1/projects/{projectsId}/secrets/{secretsId}/versions/{versionsId}:destroy",
        )
        .needs("secretmanager.versions.destroy", turn("DESTROYED")),
    ]
}

/// Google's limit of a payload, in bytes.
const LIMIT: usize = 64 << 10;

// No Debug: it holds the secret itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddSecretVersionRequest {
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
struct ChangeRequest {
    etag: Option<String>,
}

fn add(call: &Call, tx: &Connection, request: AddSecretVersionRequest) -> Result<Value, Error> {
    let payload = BASE64_STANDARD
        .decode(request.payload.data)
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
    let secret = secret(call)?;
    find_secret(tx, &secret)?;
    let number = store::latest(tx, &secret)? + 1;
    let mut body = json!({
        "name": format!("{secret}/versions/{number}"),
        "createTime": clock::now(),
        "state": "ENABLED",
        "replicationStatus": {"automatic": {}},
    });
    if given.is_some() {
        body["clientSpecifiedPayloadChecksum"] = true.into();
    }
    let body = with_etag(body);
    store::insert_version(tx, &secret, number, &body, &payload)?;
    Ok(body)
}

fn list(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let query: ListQuery = call.query()?;
    let secret = secret(call)?;
    find_secret(tx, &secret)?;
    let versions = store::versions(tx, &secret)?;
    Ok(listing("versions", versions.len(), query.page(versions)?))
}

fn get(call: &Call, tx: &Connection) -> Result<Value, Error> {
    Ok(find(tx, &secret(call)?, call.name())?.1.body)
}

fn access(call: &Call, tx: &Connection) -> Result<Value, Error> {
    let (_, version) = find(tx, &secret(call)?, call.name())?;
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

/// A method that puts a version into a state.
fn turn(state: &'static str) -> Handler {
    json(move |call, tx, request: ChangeRequest| {
        let secret = secret(call)?;
        let (number, mut version) = find(tx, &secret, call.name())?;
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
        version.body = with_etag(version.body);
        store::update_version(tx, &secret, number, &version)?;
        Ok(version.body)
    })
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
