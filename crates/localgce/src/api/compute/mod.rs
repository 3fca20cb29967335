//! Compute Engine, version 1.

mod disks;
mod firewalls;
mod guest_attributes;
mod images;
mod instances;
mod labels;
mod machine_types;
mod networks;
mod operations;
mod places;
mod serial_port;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{MethodRouter, get as http_get};
use axum::{Json, Router};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::prune;
use super::error::Error;
use super::list::{ListQuery, Page};
use crate::engine::{Engine, Mutation};
use crate::key::{self, Key, Kind, link, zone_link};
use crate::store::{new_id, resources};
use crate::{catalog, clock};

/// What handlers answer.
type Answer = Result<Json<Value>, Error>;

pub use images::publish;

/// What is below `projects/{project}`.
pub fn router() -> Router<Arc<Engine>> {
    Router::new()
        .merge(places::router())
        .merge(machine_types::router())
        .merge(networks::router())
        .merge(images::router())
        .merge(instances::router())
        .merge(guest_attributes::router())
        .merge(serial_port::router())
        .merge(disks::router())
        .merge(firewalls::router())
        .merge(operations::router())
}

/// The variable parts of a URL.
#[derive(Deserialize)]
struct Place {
    project: String,
    zone: Option<String>,
    name: Option<String>,
}

impl Place {
    fn project(&self) -> Result<catalog::Project<'_>, Error> {
        catalog::project(&self.project)
            .ok_or_else(|| Error::not_found(&format!("projects/{}", self.project)))
    }

    fn zone(&self) -> Result<Option<&str>, Error> {
        let project = self.project()?.id;
        match self.zone.as_deref() {
            Some(zone) if !catalog::ZONES.contains(&zone) => Err(Error::not_found(&format!(
                "projects/{project}/zones/{zone}"
            ))),
            zone => Ok(zone),
        }
    }

    /// The resource that the URL names.
    fn key(&self, kind: Kind) -> Result<Key, Error> {
        self.new_key(kind, self.name.as_deref().unwrap_or_default())
    }

    /// A resource in this place.
    fn new_key(&self, kind: Kind, name: &str) -> Result<Key, Error> {
        Ok(Key {
            project: self.project()?.id.into(),
            zone: self.zone()?.map(str::to_owned),
            kind,
            name: name.into(),
        })
    }
}

/// The query parameter of every mutation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestId {
    request_id: Option<String>,
}

impl RequestId {
    fn mutation(self, verb: &'static str, target: &Key) -> Mutation {
        Mutation {
            target: target.clone(),
            verb,
            request_id: self.request_id,
        }
    }
}

/// GET of one resource.
fn get_of(kind: Kind) -> MethodRouter<Arc<Engine>> {
    http_get(
        move |State(engine): State<Arc<Engine>>, Path(place): Path<Place>| async move {
            let key = place.key(kind)?;
            engine.store.transaction(|tx| get(tx, &key)).map(Json)
        },
    )
}

/// GET of a collection.
fn list_of(kind: Kind) -> MethodRouter<Arc<Engine>> {
    http_get(
        move |State(engine): State<Arc<Engine>>,
              Path(place): Path<Place>,
              Query(query): Query<ListQuery>| async move {
            let (project, zone) = (place.project()?.id, place.zone()?);
            let items = engine
                .store
                .transaction(|tx| resources::list(tx, project, zone, kind))
                .map_err(Error::from)?;
            let path = key::parent(project, zone, kind);
            let list_kind = format!("{}List", kind.kind());
            Ok::<_, Error>(listing(&list_kind, &path, query.page(items)?))
        },
    )
}

fn listing(kind: &str, path: &str, page: Page) -> Json<Value> {
    let mut list = json!({"kind": kind, "id": path, "items": page.items, "selfLink": link(path)});
    if let Some(next) = page.next {
        list["nextPageToken"] = next.into();
    }
    Json(list)
}

/// GET of a collection in all zones.
fn aggregated_list_of(kind: Kind) -> MethodRouter<Arc<Engine>> {
    http_get(
        move |State(engine): State<Arc<Engine>>,
              Path(place): Path<Place>,
              Query(query): Query<ListQuery>| async move {
            let project = place.project()?.id;
            let mut items = serde_json::Map::new();
            for zone in catalog::ZONES {
                let scope = format!("zones/{zone}");
                let found = engine
                    .store
                    .transaction(|tx| resources::list(tx, project, Some(zone), kind))?;
                let found = query.page(found)?.items;
                let scoped = if found.is_empty() {
                    json!({"warning": {
                        "code": "NO_RESULTS_ON_PAGE",
                        "message": format!("There are no results for scope '{scope}' on this page."),
                        "data": [{"key": "scope", "value": scope}],
                    }})
                } else {
                    json!({kind.collection(): found})
                };
                items.insert(scope, scoped);
            }
            let path = format!("projects/{project}/aggregated/{}", kind.collection());
            Ok::<_, Error>(Json(json!({
                "kind": format!("{}AggregatedList", kind.kind()),
                "id": path,
                "items": items,
                "selfLink": link(&path),
            })))
        },
    )
}

/// A resource's body.
fn get(tx: &Connection, key: &Key) -> Result<Value, Error> {
    resources::get(tx, key)?.ok_or_else(|| Error::not_found(&key.path()))
}

/// Refuses a name that is taken, or none.
fn check_new(tx: &Connection, key: &Key) -> Result<(), Error> {
    check_name("resource.name", &key.name)?;
    match resources::get(tx, key)? {
        Some(_) => Err(Error::already_exists(&key.path())),
        None => Ok(()),
    }
}

/// A new resource: what all have, and `fields`.
fn new_body(key: &Key, fields: Value) -> Value {
    let mut body = json!({
        "kind": key.kind.kind(),
        "id": new_id().to_string(),
        "creationTimestamp": clock::now(),
        "name": key.name,
        "selfLink": key.link(),
    });
    if let Some(zone) = &key.zone {
        body["zone"] = zone_link(&key.project, zone).into();
    }
    if let Value::Object(fields) = prune(fields) {
        for (name, value) in fields {
            body[name] = value;
        }
    }
    body
}

/// Refuses what is no name.
fn check_name(field: &str, name: &str) -> Result<(), Error> {
    let letter = |c: char| c.is_ascii_lowercase();
    let inner = |c: char| letter(c) || c.is_ascii_digit() || c == '-';
    let good = name.starts_with(letter)
        && name.len() <= 63
        && name.chars().all(inner)
        && !name.ends_with('-');
    if good {
        return Ok(());
    }
    Err(Error::field(
        field,
        name,
        "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'",
    ))
}

/// The hash by which Google tells whether somebody else was quicker.
fn fingerprint(value: &Value) -> String {
    use base64::Engine as _;
    let text = value.to_string();
    let hash = u64::from(crc32c::crc32c(text.as_bytes())) << 32 | text.len() as u64;
    base64::prelude::BASE64_URL_SAFE.encode(hash.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_as_google_takes_them() {
        for good in ["a", "a-1", &"a".repeat(63)] {
            assert!(check_name("resource.name", good).is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "a-", "a_b", "ä", &"a".repeat(64)] {
            assert!(check_name("resource.name", bad).is_err(), "{bad}");
        }
    }
}
