//! What the methods of many kinds of resources do.

use rusqlite::Connection;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::collections::{aggregate, listing, scopes};
use crate::api::call::{Call, Nothing};
use crate::api::handler::{Handler, now, plain};
use crate::api::list::ListQuery;
use crate::engine::labels::{self, Labels};
use crate::engine::records::get as record;
use crate::engine::{Mutation, Work, nothing};
use crate::error::Error;
use crate::key::{Key, Kind, parent};
use crate::store::resources;

/// The query parameter of every mutation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestId {
    request_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetLabelsRequest {
    #[serde(default)]
    labels: Labels,
    label_fingerprint: Option<String>,
}

/// A change of a resource, or of one that is to be: an operation, in one transaction, and once for each
/// `requestId`.
pub fn mutate<B: DeserializeOwned>(
    verb: &'static str,
    kind: Kind,
    change: impl Fn(&Call, &Connection, &Key, B) -> Result<Work, Error> + Send + Sync + 'static,
) -> Handler {
    now(move |call| {
        let RequestId { request_id } = call.query()?;
        let body = call.body()?;
        let target = call.key(kind)?;
        let mutation = Mutation {
            target: target.clone(),
            verb,
            request_id,
        };
        call.engine
            .mutate(&mutation, |tx| change(call, tx, &target, body))
    })
}

/// The resource in the path.
pub fn get(kind: Kind) -> Handler {
    plain(move |call, tx| record(tx, &call.key(kind)?))
}

/// Deletes a resource that is a record and nothing else. `refuse` says why one may not go.
pub fn delete(kind: Kind, refuse: fn(&Connection, &Key, &Value) -> Result<(), Error>) -> Handler {
    mutate("delete", kind, move |_, tx, key, Nothing {}| {
        refuse(tx, key, &record(tx, key)?)?;
        resources::remove(tx, key)?;
        nothing()
    })
}

/// A collection in one place.
pub fn list(kind: Kind) -> Handler {
    plain(move |call, tx| {
        let query: ListQuery = call.query()?;
        let (project, scope) = (call.known_project()?.id, call.scope()?);
        let items = resources::list(tx, project, &scope, kind)?;
        let list_kind = format!("{}List", kind.kind());
        let path = parent(project, &scope, kind);
        Ok(listing(&list_kind, &path, query.page(items)?))
    })
}

/// A collection in all places.
pub fn aggregated_list(kind: Kind) -> Handler {
    plain(move |call, tx| {
        let query: ListQuery = call.query()?;
        let project = call.known_project()?.id;
        let all = resources::all(tx, kind)?;
        let own = all.into_iter().filter(|(key, _)| key.project == project);
        let page = query.page(own.map(|(_, body)| body).collect())?;
        let places = scopes(kind);
        Ok(aggregate(
            kind.kind(),
            kind.collection(),
            project,
            &places,
            page,
        ))
    })
}

/// `setLabels`.
pub fn set_labels(kind: Kind) -> Handler {
    mutate(
        "setLabels",
        kind,
        |_, tx, key, request: SetLabelsRequest| {
            labels::check(Some(&request.labels))?;
            let body = record(tx, key)?;
            if body["labelFingerprint"].as_str() != request.label_fingerprint.as_deref() {
                return Err(Error::fingerprint("labels"));
            }
            resources::update(tx, key, |body| labels::set(body, &request.labels))?;
            nothing()
        },
    )
}
